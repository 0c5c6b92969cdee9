//! The first start: a hub that nobody can talk to makes one key.

use super::{ApiKey, KeysError, KeysFile, NewKey, Scopes, Secret, keys_file::write_secret};
use std::path::{Path, PathBuf};

/// What became of the first key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FirstKey {
    /// To be shown on the terminal now; nobody will know it later.
    Show(Secret),
    /// Written to this file, readable by its owner only; the log is to name it.
    Written(PathBuf),
}

/// Makes the key `admin`, with all scopes, if there is no key at all: none configured, and no `keys.yaml`. An empty
/// `keys.yaml` is one whose keys were all revoked, and gets no new one.
///
/// Without a `terminal` the key goes to `key_file` before its digest is kept, so a crash in between makes a new one at
/// the next start, and never leaves a key that nobody knows. To be called before [`super::Keyring::open`].
///
/// # Errors
/// [`KeysError::Io`].
pub(crate) fn ensure_admin_key(
    file: &KeysFile,
    key_file: &Path,
    configured: &[ApiKey],
    terminal: bool,
) -> Result<Option<FirstKey>, KeysError> {
    if !configured.is_empty() {
        return Ok(None);
    }
    let admin = NewKey {
        name: "admin".into(),
        scopes: Scopes::ALL,
        prefix: None,
    };
    let made = file.add_first(admin, |secret| match terminal {
        true => Ok(()),
        false => write_secret(key_file, secret),
    })?;
    Ok(made.map(|secret| match terminal {
        true => FirstKey::Show(secret),
        false => FirstKey::Written(key_file.to_owned()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::{Digest, Keyring},
        config::{StatePaths, tests::load},
    };
    use std::{fs, os::unix::fs::PermissionsExt};

    fn first_key(state: &StatePaths, configured: &[ApiKey], terminal: bool) -> Result<Option<FirstKey>, KeysError> {
        let file = KeysFile::at(state.keys_file());
        ensure_admin_key(&file, &state.admin_key_file(), configured, terminal)
    }

    #[test]
    fn a_terminal_gets_the_first_key_and_no_file_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path().join("new/state"));
        let Some(FirstKey::Show(secret)) = first_key(&state, &[], true).unwrap() else {
            panic!("expected a key to show");
        };
        assert!(!state.admin_key_file().exists());
        let (ring, _) = Keyring::open(KeysFile::at(state.keys_file()), &[]).unwrap();
        let key = ring.find(secret.expose()).unwrap();
        assert_eq!((&*key.name, key.scopes), ("admin", Scopes::ALL));
        assert_eq!(first_key(&state, &[], true).unwrap(), None);
    }

    #[test]
    fn without_a_terminal_it_goes_to_a_file_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path());
        let made = first_key(&state, &[], false).unwrap();
        assert_eq!(made, Some(FirstKey::Written(state.admin_key_file())));
        let mode = fs::metadata(state.admin_key_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(state.admin_key_file()).unwrap();
        let (ring, _) = Keyring::open(KeysFile::at(state.keys_file()), &[]).unwrap();
        assert!(ring.find(text.strip_suffix('\n').unwrap()).is_some());
        assert_eq!(first_key(&state, &[], false).unwrap(), None);
    }

    #[test]
    fn a_hub_that_has_or_had_keys_gets_none() {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path());
        let configured = load("keys: [0123456789abcdef]").unwrap().keys;
        assert_eq!(configured[0].digest, Digest::of("0123456789abcdef"));
        assert_eq!(first_key(&state, &configured, true).unwrap(), None);

        fs::write(state.keys_file(), "keys: []").unwrap();
        assert_eq!(first_key(&state, &[], true).unwrap(), None);
    }
}
