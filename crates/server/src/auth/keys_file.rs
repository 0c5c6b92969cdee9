//! `keys.yaml`: the keys that were made by `metric-nexus key new` or through the API.
//!
//! ```yaml
//! keys:
//! - name: ci                          # 1 to 64 of A-Z a-z 0-9 . _ -
//!   sha256: ba7816bf8f01cfea…         # of the key, 64 hexadecimal digits
//!   scopes: [read, write]             # of read, write, scrape, usage, admin
//!   prefix: ci_                       # absent: all metrics
//!   created: 2026-11-01T12:00:00Z     # RFC 3339
//! ```
//!
//! Readable by its owner only. It is changed as a whole, under a lock on `keys.lock` beside it, so that two changes at
//! once both count; and replaced by a rename, so that a reader needs no lock.

use super::{ApiKey, Digest, KeySource, NAME_RULE, Prefix, Scope, Scopes, Secret, check_name};
use jiff::Timestamp;
use nexus_segments::{LockFile, files};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};
use yaml_serde::Value;

/// What stands above the list.
const HEADER: &str = "\
# Keys of Metric Nexus, as SHA-256 digests. `metric-nexus key new`, `key list` and `key revoke` keep this file;
# a running hub takes a change within a second.
";

/// Why the keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    /// The file system refuses; the source says why.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// What was to be read or written.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// The file is there, and not as it must be. Nothing was changed: repair it, or move it away to begin anew.
    #[error("{path}: {reason}; repair it, or move it away and make new keys", path = .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key of this name is there already.
    #[error("there is a key named {0} already; choose another name, or revoke that one first")]
    Exists(Arc<str>),
    /// There is no key of this name.
    #[error("there is no key named {0} in {path}; `metric-nexus key list` shows all", path = .1.display())]
    Unknown(String, PathBuf),
    /// Nobody could make keys any more, or change a limit, but by the command.
    #[error("{0} is the last key that may administer the whole hub; make another one first")]
    LastAdmin(String),
    /// More keys than [`KeysFile::KEYS_MAX`].
    #[error("there are {max} keys already, which is as many as there may be", max = KeysFile::KEYS_MAX)]
    TooMany,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewKey {
    /// Of a form that [`check_name`] accepts.
    pub(crate) name: Arc<str>,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// Which metrics; all if there is none.
    pub(crate) prefix: Option<Prefix>,
}

/// A handle on `keys.yaml`, which need not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeysFile {
    path: PathBuf,
}

impl KeysFile {
    /// How many keys it may hold.
    pub(crate) const KEYS_MAX: usize = 100_000;
    const BYTES_MAX: u64 = 64 << 20;

    /// The one at this path.
    pub(crate) fn at(path: PathBuf) -> Self {
        KeysFile { path }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All keys in it, in its order; none if it is not there.
    ///
    /// # Errors
    /// [`KeysError::Io`], [`KeysError::Broken`].
    pub(crate) fn read(&self) -> Result<Vec<ApiKey>, KeysError> {
        match self.open()? {
            Some(file) => self.read_from(file),
            None => Ok(Vec::new()),
        }
    }

    /// Makes a key and keeps its digest; the key itself is known only from what this returns.
    ///
    /// Has survived power loss when it returns. Waits for another change that is under way, so it blocks.
    ///
    /// # Errors
    /// [`KeysError`]; nothing was changed then.
    pub(crate) fn add(&self, new: NewKey) -> Result<Secret, KeysError> {
        self.change(|keys| self.add_to(keys, new))
    }

    /// Makes the first key and gives it to `keep` before its digest is kept; does nothing if the file is there.
    pub(super) fn add_first(
        &self,
        new: NewKey,
        keep: impl FnOnce(&Secret) -> Result<(), KeysError>,
    ) -> Result<Option<Secret>, KeysError> {
        let _lock = self.lock()?;
        if self.open()?.is_some() {
            return Ok(None);
        }
        let mut keys = Vec::new();
        let secret = self.add_to(&mut keys, new)?;
        keep(&secret)?;
        self.write(&keys)?;
        Ok(Some(secret))
    }

    /// Takes a key away. Has survived power loss when it returns; blocks as [`KeysFile::add`].
    ///
    /// # Errors
    /// [`KeysError`]; nothing was changed then.
    pub(crate) fn revoke(&self, name: &str) -> Result<(), KeysError> {
        self.revoke_if(name, |_, _| true)
    }

    /// The same, unless no key would be left that may administer the whole hub.
    ///
    /// # Errors
    /// [`KeysError`]; nothing was changed then.
    pub(crate) fn revoke_but_the_last_admin(&self, name: &str, configured: &[Arc<ApiKey>]) -> Result<(), KeysError> {
        self.revoke_if(name, |gone, left| {
            let is_left = left.iter().any(ApiKey::administers) || configured.iter().any(|key| key.administers());
            is_left || !gone.administers()
        })
    }

    /// `may` is given the key, and those that are left.
    fn revoke_if(&self, name: &str, may: impl FnOnce(&ApiKey, &[ApiKey]) -> bool) -> Result<(), KeysError> {
        let unknown = || KeysError::Unknown(name.to_owned(), self.path.clone());
        if self.open()?.is_none() {
            return Err(unknown());
        }
        self.change(|keys| {
            let place = keys.iter().position(|key| &*key.name == name).ok_or_else(unknown)?;
            let gone = keys.remove(place);
            match may(&gone, keys) {
                true => Ok(()),
                false => Err(KeysError::LastAdmin(name.to_owned())),
            }
        })
    }

    /// The open file, if there is one.
    pub(super) fn open(&self) -> Result<Option<File>, KeysError> {
        match File::open(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io(error)),
        }
    }

    /// What the open file holds.
    pub(super) fn read_from(&self, file: File) -> Result<Vec<ApiKey>, KeysError> {
        let mut text = String::new();
        let read = file.take(Self::BYTES_MAX + 1).read_to_string(&mut text);
        let bytes = read.map_err(|error| self.io(error))?;
        if u64::try_from(bytes).is_ok_and(|bytes| bytes > Self::BYTES_MAX) {
            return Err(self.broken("larger than any file of keys".to_owned()));
        }
        parse(&text).map_err(|reason| self.broken(reason))
    }

    /// Does something while nobody changes the file.
    pub(crate) fn undisturbed<T>(&self, work: impl FnOnce() -> T) -> Result<T, KeysError> {
        let _lock = self.lock()?;
        Ok(work())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<ApiKey>) -> Result<T, KeysError>) -> Result<T, KeysError> {
        let _lock = self.lock()?;
        let mut keys = self.read()?;
        let result = change(&mut keys)?;
        self.write(&keys)?;
        Ok(result)
    }

    fn add_to(&self, keys: &mut Vec<ApiKey>, new: NewKey) -> Result<Secret, KeysError> {
        if keys.iter().any(|key| key.name == new.name) {
            return Err(KeysError::Exists(new.name));
        }
        if keys.len() >= Self::KEYS_MAX {
            return Err(KeysError::TooMany);
        }
        let secret = Secret::generate().map_err(|error| self.io(error))?;
        keys.push(ApiKey {
            name: new.name,
            scopes: new.scopes,
            prefix: new.prefix,
            digest: secret.digest(),
            created: Timestamp::from_second(Timestamp::now().as_second()).ok(),
            source: KeySource::KeysFile,
        });
        Ok(secret)
    }

    fn write(&self, keys: &[ApiKey]) -> Result<(), KeysError> {
        let text = render(keys).map_err(|reason| self.broken(reason))?;
        files::write_durably(&self.path, files::OWNER_ONLY, text.as_bytes()).map_err(|error| self.io(error))
    }

    /// Held until it is dropped. Not on the file itself, since that one is replaced.
    fn lock(&self) -> Result<LockFile, KeysError> {
        let path = self.path.with_extension("lock");
        let made = files::create_directory(files::directory_of(&path));
        made.and_then(|()| LockFile::take(&path))
            .map_err(|source| KeysError::Io { path, source })
    }

    fn io(&self, source: io::Error) -> KeysError {
        KeysError::Io {
            path: self.path.clone(),
            source,
        }
    }

    pub(super) fn broken(&self, reason: String) -> KeysError {
        KeysError::Broken {
            path: self.path.clone(),
            reason,
        }
    }
}

/// The file as it is written.
#[derive(Serialize)]
struct Written {
    keys: Vec<Entry>,
}

/// One key as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    created: String,
}

fn render(keys: &[ApiKey]) -> Result<String, String> {
    let keys = keys.iter().map(Entry::of).collect();
    let yaml = yaml_serde::to_string(&Written { keys }).map_err(|error| error.to_string())?;
    Ok(format!("{HEADER}{yaml}"))
}

fn parse(text: &str) -> Result<Vec<ApiKey>, String> {
    let entries = entries(text)?;
    if entries.len() > KeysFile::KEYS_MAX {
        return Err(format!("more than {} keys", KeysFile::KEYS_MAX));
    }
    let (mut names, mut digests) = (HashSet::new(), HashSet::new());
    let mut keys = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let key = read_entry(entry).map_err(|reason| format!("keys[{index}]: {reason}"))?;
        if !names.insert(Arc::clone(&key.name)) {
            return Err(format!("keys[{index}]: another key is named {} already", key.name));
        }
        if !digests.insert(key.digest) {
            return Err(format!("keys[{index}]: the same key stands there already"));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// The list `keys`, and that there is nothing else. What stands there is never shown: it may be a key, put there by
/// mistake.
fn entries(text: &str) -> Result<Vec<Value>, String> {
    const EXPECTED: &str = "expected nothing but a list `keys`";
    let value: Value = yaml_serde::from_str(text).map_err(|error| format!("not YAML: {error}"))?;
    match value {
        Value::Mapping(mut top) if top.len() == 1 => match top.remove("keys") {
            Some(Value::Sequence(entries)) => Ok(entries),
            _ => Err(EXPECTED.to_owned()),
        },
        _ => Err(EXPECTED.to_owned()),
    }
}

fn read_entry(value: Value) -> Result<ApiKey, String> {
    const FIELDS: [&str; 5] = ["name", "sha256", "scopes", "prefix", "created"];
    let is_text = |(name, value): (&Value, &Value)| {
        name.as_str()
            .is_some_and(|name| FIELDS.contains(&name) && (name == "scopes" || value.is_string()))
    };
    match value.as_mapping() {
        Some(fields) if fields.iter().all(is_text) => {}
        _ => {
            return Err(format!(
                "expected a mapping with texts for {}, and a list of scopes",
                FIELDS.join(", ")
            ));
        }
    }
    let entry: Entry = yaml_serde::from_value(value).map_err(|error| error.to_string())?;
    entry.read()
}

impl Entry {
    fn of(key: &ApiKey) -> Self {
        let created = key.created.unwrap_or(Timestamp::UNIX_EPOCH);
        Entry {
            name: key.name.to_string(),
            sha256: key.digest.to_hex(),
            scopes: key.scopes.iter().map(|scope| scope.to_string()).collect(),
            prefix: key.prefix.as_ref().map(ToString::to_string),
            created: created.to_string(),
        }
    }

    fn read(self) -> Result<ApiKey, String> {
        let scopes: Scopes = self
            .scopes
            .iter()
            .map(|scope| scope.parse::<Scope>())
            .collect::<Result<_, _>>()
            .map_err(|error| format!("scopes: {error}"))?;
        if scopes.is_empty() {
            return Err("scopes: expected at least one scope".to_owned());
        }
        let prefix = self.prefix.map(|prefix| prefix.parse()).transpose();
        Ok(ApiKey {
            name: check_name(&self.name).ok_or_else(|| format!("name: expected {NAME_RULE}"))?,
            scopes,
            prefix: prefix.map_err(|error: String| format!("prefix: {error}"))?,
            digest: Digest::from_hex(&self.sha256).ok_or("sha256: expected 64 hexadecimal digits")?,
            created: Some(
                self.created
                    .parse()
                    .map_err(|_| "created: expected a time such as 2026-11-01T12:00:00Z")?,
            ),
            source: KeySource::KeysFile,
        })
    }
}

/// Writes a key so that only its owner can read it: one line.
pub(super) fn write_secret(path: &Path, secret: &Secret) -> Result<(), KeysError> {
    let line = format!("{}\n", secret.expose());
    files::write_durably(path, files::OWNER_ONLY, line.as_bytes()).map_err(|source| KeysError::Io {
        path: path.to_owned(),
        source,
    })
}

/// What tells whether a file has been replaced or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Stamp {
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests;
