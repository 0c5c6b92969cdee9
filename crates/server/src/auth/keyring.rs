//! All keys that the hub accepts now.

use super::{ApiKey, Digest, KeysError, KeysFile, keys_file::Stamp};
use arc_swap::ArcSwap;
use std::{
    collections::HashMap,
    fmt, fs, io,
    sync::{Arc, Mutex, PoisonError},
};

/// A cheap handle on all keys: those of the configuration file and those of `keys.yaml`.
///
/// Looking up takes no lock. Where both have a key of the same name, or the same key, the configuration file's counts:
/// two keys of one name would be one owner, and the operator's file is the one that cannot be changed through the API.
#[derive(Clone)]
pub(crate) struct Keyring(Arc<Shared>);

struct Shared {
    ring: ArcSwap<Ring>,
    configured: Vec<Arc<ApiKey>>,
    file: KeysFile,
    /// Of the `keys.yaml` that was read last, also if it was broken. Held while reading.
    seen: Mutex<Option<Stamp>>,
}

type Ring = HashMap<Digest, Arc<ApiKey>>;

/// What looking at `keys.yaml` again came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reload {
    /// It is the same file.
    Unchanged,
    /// Its keys count from now on.
    Reloaded {
        /// All keys, with those of the configuration file.
        keys: usize,
        /// For the log.
        warnings: Vec<String>,
    },
}

impl Keyring {
    /// The keys of the configuration file, and those of `file`, if it is there; returns what the log should say, too.
    ///
    /// # Errors
    /// [`KeysError::Io`], [`KeysError::Broken`]: a hub must not start then.
    pub(crate) fn open(file: KeysFile, configured: &[ApiKey]) -> Result<(Self, Vec<String>), KeysError> {
        let keyring = Keyring(Arc::new(Shared {
            ring: ArcSwap::default(),
            configured: configured.iter().cloned().map(Arc::new).collect(),
            file,
            seen: Mutex::new(None),
        }));
        let shared = &keyring.0;
        let (mut stamp, mut keys) = (None, Vec::new());
        if let Some(file) = shared.file.open()? {
            stamp = Some(stamp_of(&file, &shared.file)?);
            keys = shared.file.read_from(file)?;
        }
        let warnings = shared.replace(keys);
        *shared.seen.lock().unwrap_or_else(PoisonError::into_inner) = stamp;
        Ok((keyring, warnings))
    }

    /// The key that `presented` is, if it is one. Tells nothing by the time it takes.
    pub(crate) fn find(&self, presented: &str) -> Option<Arc<ApiKey>> {
        let digest = Digest::of(presented);
        let ring = self.0.ring.load();
        // The map compares digests, and not in constant time; but nobody can choose a digest's bytes to learn from that.
        ring.get(&digest).filter(|key| key.digest.is(digest)).map(Arc::clone)
    }

    /// All keys, by name.
    pub(crate) fn all(&self) -> Vec<Arc<ApiKey>> {
        let mut keys: Vec<_> = self.0.ring.load().values().map(Arc::clone).collect();
        keys.sort_by(|left, right| left.name.cmp(&right.name));
        keys
    }

    /// The file that keys are added to and revoked in; call [`Keyring::reload_if_changed`] after a change.
    pub(crate) fn file(&self) -> &KeysFile {
        &self.0.file
    }

    /// Takes a key of `keys.yaml` away, at once; but not the last one that may administer the whole hub.
    ///
    /// # Errors
    /// [`KeysError`]; nothing was changed then, unless the file cannot be read again.
    pub(crate) fn revoke(&self, name: &str) -> Result<(), KeysError> {
        self.0.file.revoke_but_the_last_admin(name, &self.0.configured)?;
        self.reload_if_changed().map(drop)
    }

    /// Looks whether `keys.yaml` is another one than before, and reads it then. Cheap if not: one `stat`, so it can be
    /// called every second; blocks for as long as the file system does.
    ///
    /// # Errors
    /// [`KeysError::Io`], [`KeysError::Broken`], also if the file has vanished (a key is revoked by `key revoke`, not by
    /// that). The keys stay as they were; the same broken file is reported once.
    pub(crate) fn reload_if_changed(&self) -> Result<Reload, KeysError> {
        let shared = &self.0;
        let mut seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match fs::metadata(shared.file.path()) {
            Ok(metadata) => Some(Stamp::of(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(shared.io(error)),
        };
        if now == *seen {
            return Ok(Reload::Unchanged);
        }
        let Some(file) = shared.file.open()? else {
            *seen = None;
            return Err(shared.io(io::Error::new(
                io::ErrorKind::NotFound,
                "the file has vanished; its keys still count",
            )));
        };
        *seen = Some(stamp_of(&file, &shared.file)?);
        let keys = shared.file.read_from(file)?;
        let warnings = shared.replace(keys);
        let keys = shared.ring.load().len();
        Ok(Reload::Reloaded { keys, warnings })
    }
}

impl Shared {
    /// Puts a new ring in place of the old one, and says what it left out.
    fn replace(&self, from_file: Vec<ApiKey>) -> Vec<String> {
        let mut ring: Ring = self
            .configured
            .iter()
            .map(|key| (key.digest, Arc::clone(key)))
            .collect();
        let mut warnings = Vec::new();
        for key in from_file {
            let same = self
                .configured
                .iter()
                .find(|other| other.name == key.name || other.digest == key.digest);
            if let Some(other) = same {
                warnings.push(format!(
                    "the key {} of keys.yaml does not count: the configuration file has the key {} with the same {}",
                    key.name,
                    other.name,
                    if other.name == key.name { "name" } else { "secret" },
                ));
                continue;
            }
            warnings.extend(super::warnings(&key.name, key.scopes, key.prefix.as_ref()));
            ring.insert(key.digest, Arc::new(key));
        }
        self.ring.store(Arc::new(ring));
        warnings
    }

    fn io(&self, source: io::Error) -> KeysError {
        KeysError::Io {
            path: self.file.path().to_owned(),
            source,
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.ring.load().len();
        f.debug_struct("Keyring").field("keys", &keys).finish_non_exhaustive()
    }
}

fn stamp_of(open: &fs::File, file: &KeysFile) -> Result<Stamp, KeysError> {
    let metadata = open.metadata().map_err(|source| KeysError::Io {
        path: file.path().to_owned(),
        source,
    })?;
    Ok(Stamp::of(&metadata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::{NewKey, Scopes},
        config::{StatePaths, tests::load},
    };

    fn new(name: &str) -> NewKey {
        NewKey {
            name: name.into(),
            scopes: Scopes::CLIENT,
            prefix: None,
        }
    }

    fn reloaded(keys: usize) -> Reload {
        let warnings = Vec::new();
        Reload::Reloaded { keys, warnings }
    }

    #[test]
    fn a_key_made_beside_a_running_hub_counts_and_a_revoked_one_no_longer() {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path());
        let (ring, warnings) = Keyring::open(KeysFile::at(state.keys_file()), &[]).unwrap();
        assert_eq!(warnings, [""; 0]);
        assert_eq!(ring.reload_if_changed().unwrap(), Reload::Unchanged);

        let beside = KeysFile::at(state.keys_file());
        let secret = beside.add(new("ci")).unwrap();
        assert!(ring.find(secret.expose()).is_none());
        assert_eq!(ring.clone().reload_if_changed().unwrap(), reloaded(1));
        assert_eq!(&*ring.find(secret.expose()).unwrap().name, "ci");
        assert_eq!(ring.reload_if_changed().unwrap(), Reload::Unchanged);
        assert!(ring.find("").is_none());
        assert!(ring.find(&secret.digest().to_hex()).is_none());

        beside.revoke("ci").unwrap();
        assert_eq!(ring.reload_if_changed().unwrap(), reloaded(0));
        assert!(ring.find(secret.expose()).is_none());
    }

    #[test]
    fn a_broken_file_is_reported_once_and_the_keys_stay() {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path());
        let secret = KeysFile::at(state.keys_file()).add(new("ci")).unwrap();
        let (ring, _) = Keyring::open(KeysFile::at(state.keys_file()), &[]).unwrap();
        let good = fs::read(state.keys_file()).unwrap();

        fs::write(state.keys_file(), "keys: [").unwrap();
        assert!(matches!(ring.reload_if_changed(), Err(KeysError::Broken { .. })));
        assert_eq!(ring.reload_if_changed().unwrap(), Reload::Unchanged);
        assert!(ring.find(secret.expose()).is_some());
        assert!(matches!(
            Keyring::open(KeysFile::at(state.keys_file()), &[]),
            Err(KeysError::Broken { .. })
        ));

        fs::remove_file(state.keys_file()).unwrap();
        assert!(matches!(ring.reload_if_changed(), Err(KeysError::Io { .. })));
        assert_eq!(ring.reload_if_changed().unwrap(), Reload::Unchanged);
        assert!(ring.find(secret.expose()).is_some());

        fs::write(state.keys_file(), good).unwrap();
        assert_eq!(ring.reload_if_changed().unwrap(), reloaded(1));
        assert!(ring.find(secret.expose()).is_some());
    }

    #[test]
    fn keys_of_the_configuration_file_count_beside_and_before_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path());
        let file = KeysFile::at(state.keys_file());
        let one = file.add(new("one")).unwrap();
        let two = file.add(new("two")).unwrap();
        let yaml = format!(
            "keys: [{{name: one, key: configured-key-01}}, {{name: zwei, sha256: \"{}\", scopes: [read]}}]",
            two.digest().to_hex()
        );
        let configured = load(&yaml).unwrap().keys;
        let (ring, warnings) = Keyring::open(KeysFile::at(state.keys_file()), &configured).unwrap();
        assert_eq!(
            warnings,
            [
                "the key one of keys.yaml does not count: the configuration file has the key one with the same name",
                "the key two of keys.yaml does not count: the configuration file has the key zwei with the same secret",
            ]
        );
        assert!(ring.find(one.expose()).is_none());
        assert_eq!(&*ring.find("configured-key-01").unwrap().name, "one");
        assert_eq!(&*ring.find(two.expose()).unwrap().name, "zwei");
        let names: Vec<_> = ring.all().iter().map(|key| key.name.to_string()).collect();
        assert_eq!(names, ["one", "zwei"]);

        file.add(new("three")).unwrap();
        ring.reload_if_changed().unwrap();
        assert_eq!(ring.all().len(), 3);
    }
}
