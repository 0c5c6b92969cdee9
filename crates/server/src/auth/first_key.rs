//! The first start: a hub that nobody can talk to makes one key.

use super::{KeysError, KeysFile, NewKey, Scopes, Secret, keys_file::write_secret};
use crate::config::{ConfiguredKey, StatePaths};
use std::path::PathBuf;

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
/// Without a `terminal` the key goes to `admin.key` before its digest is kept, so a crash in between makes a new one at
/// the next start, and never leaves a key that nobody knows. To be called before [`super::Keyring::open`].
///
/// # Errors
/// [`KeysError::Io`].
pub(crate) fn ensure_admin_key(
    state: &StatePaths,
    configured: &[ConfiguredKey],
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
    let path = state.admin_key_file();
    let made = KeysFile::of(state).add_first(admin, |secret| match terminal {
        true => Ok(()),
        false => write_secret(&path, secret),
    })?;
    Ok(made.map(|secret| match terminal {
        true => FirstKey::Show(secret),
        false => FirstKey::Written(path),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::{Digest, Keyring},
        config::tests::load,
    };
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn a_terminal_gets_the_first_key_and_no_file_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path().join("new/state"));
        let Some(FirstKey::Show(secret)) = ensure_admin_key(&state, &[], true).unwrap() else {
            panic!("expected a key to show");
        };
        assert!(!state.admin_key_file().exists());
        let (ring, _) = Keyring::open(&state, &[]).unwrap();
        let key = ring.find(secret.expose()).unwrap();
        assert_eq!((&*key.name, key.scopes), ("admin", Scopes::ALL));
        assert_eq!(ensure_admin_key(&state, &[], true).unwrap(), None);
    }

    #[test]
    fn without_a_terminal_it_goes_to_a_file_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path());
        let made = ensure_admin_key(&state, &[], false).unwrap();
        assert_eq!(made, Some(FirstKey::Written(state.admin_key_file())));
        let mode = fs::metadata(state.admin_key_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(state.admin_key_file()).unwrap();
        let (ring, _) = Keyring::open(&state, &[]).unwrap();
        assert!(ring.find(text.strip_suffix('\n').unwrap()).is_some());
        assert_eq!(ensure_admin_key(&state, &[], false).unwrap(), None);
    }

    #[test]
    fn a_hub_that_has_or_had_keys_gets_none() {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path());
        let configured = load("keys: [0123456789abcdef]").unwrap().keys;
        assert_eq!(configured[0].digest, Digest::of("0123456789abcdef"));
        assert_eq!(ensure_admin_key(&state, &configured, true).unwrap(), None);

        fs::write(state.keys_file(), "keys: []").unwrap();
        assert_eq!(ensure_admin_key(&state, &[], true).unwrap(), None);
    }
}
