//! Settings for keys that do not exist: most likely slips of the pen.

use super::{Keyring, Principal};

/// From how many letters another way on a name is no misspelling of it any more.
const SLIP_LETTERS_MAX: usize = 2;

/// What settings for single keys, each by its section and the key's name, come to nothing, with the name that may be meant.
pub(crate) fn strangers<'n>(
    named: impl IntoIterator<Item = (&'static str, &'n str)>,
    keyring: &Keyring,
) -> Vec<String> {
    let keys = keyring.all();
    let hub = Principal::hub().name;
    let names: Vec<&str> = keys.iter().map(|key| &*key.name).chain([&*hub]).collect();
    let named = named.into_iter().filter(|(_, name)| !names.contains(name));
    named
        .map(|(section, name)| {
            let distance = |known: &&&str| strsim::damerau_levenshtein(known, name);
            let nearest = names.iter().min_by_key(distance);
            let nearest = nearest.filter(|known| distance(known) <= SLIP_LETTERS_MAX);
            let hint = nearest.map_or_else(String::new, |known| format!("; did you mean {known}?"));
            format!("{section}.{name} concerns nobody: there is no key of that name{hint}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::KeysFile, config::tests::load};

    #[test]
    fn a_setting_for_nobody_is_named_with_the_key_that_may_be_meant() {
        let directory = tempfile::tempdir().unwrap();
        let config =
            load("keys: [{name: admin, key: 0123456789abcdef}, {name: ci-worker, key: 123456789abcdef0}]").unwrap();
        let (keyring, _) = Keyring::open(KeysFile::at(directory.path().join("keys.yaml")), &config.keys).unwrap();
        let check = |name: &str, expected: Option<&str>| {
            let found = strangers([("usage.limits", name)], &keyring);
            assert_eq!(found.first().map(String::as_str), expected, "{name}");
        };
        check("admin", None);
        check("hub", None);
        check(
            "amdin",
            Some("usage.limits.amdin concerns nobody: there is no key of that name; did you mean admin?"),
        );
        check(
            "Admin",
            Some("usage.limits.Admin concerns nobody: there is no key of that name; did you mean admin?"),
        );
        check(
            "acme",
            Some("usage.limits.acme concerns nobody: there is no key of that name"),
        );
    }
}
