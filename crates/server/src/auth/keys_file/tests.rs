//! The file of keys: written, read, and what may stand in it.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn new(name: &str) -> NewKey {
    NewKey {
        name: name.into(),
        scopes: Scopes::CLIENT,
        prefix: None,
    }
}

fn names(keys: &[ApiKey]) -> Vec<&str> {
    keys.iter().map(|key| &*key.name).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_added_read_back_and_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let file = KeysFile::at(state.join("keys.yaml"));
    assert_eq!(file.read().unwrap(), []);

    let secret = file.add(new("ci")).unwrap();
    let prefix: Prefix = "team_".parse().unwrap();
    file.add(NewKey {
        name: "team".into(),
        scopes: "read,admin".parse().unwrap(),
        prefix: Some(prefix.clone()),
    })
    .unwrap();
    let keys = file.read().unwrap();
    assert_eq!(names(&keys), ["ci", "team"]);
    assert_eq!(keys[0].digest, secret.digest());
    assert_eq!(keys[0].scopes, Scopes::CLIENT);
    assert_eq!(keys[1].prefix, Some(prefix));
    let age = Timestamp::now().duration_since(keys[0].created.unwrap());
    assert!(age.as_secs() < 60);

    let text = fs::read_to_string(file.path()).unwrap();
    assert!(!text.contains(secret.expose()), "{text}");
    assert_eq!(mode(file.path()), 0o600);
    assert_eq!(mode(&state.join("keys.lock")), 0o600);
    assert_eq!(mode(&state), 0o700);

    file.revoke("ci").unwrap();
    assert_eq!(names(&file.read().unwrap()), ["team"]);
    file.revoke("team").unwrap();
    assert_eq!(file.read().unwrap(), []);
    assert!(file.path().exists());
}

#[test]
fn a_name_that_is_taken_and_one_that_is_unknown_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = KeysFile::at(directory.path().join("keys.yaml"));
    assert!(matches!(file.revoke("ci"), Err(KeysError::Unknown(..))));
    assert!(!file.path().exists());

    file.add(new("ci")).unwrap();
    let before = fs::read(file.path()).unwrap();
    let error = file.add(new("ci")).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is a key named ci already; choose another name, or revoke that one first"
    );
    let error = file.revoke("CI").unwrap_err().to_string();
    assert!(error.starts_with("there is no key named CI in "), "{error}");
    assert_eq!(fs::read(file.path()).unwrap(), before);
}

#[test]
fn of_many_who_add_at_once_none_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let file = KeysFile::at(directory.path().join("keys.yaml"));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let file = file.clone();
            std::thread::spawn(move || {
                for index in 0..4 {
                    file.add(new(&format!("key-{thread}-{index}"))).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(file.read().unwrap().len(), 32);
}

#[test]
fn digests_that_look_like_numbers_come_back_as_texts() {
    fn check(hex: &str) {
        let key = ApiKey {
            name: "1e5".into(),
            scopes: Scopes::ALL,
            prefix: Some("true".parse().unwrap()),
            digest: Digest::from_hex(hex).unwrap(),
            created: Some(Timestamp::UNIX_EPOCH),
            source: KeySource::KeysFile,
        };
        let text = render(std::slice::from_ref(&key)).unwrap();
        assert_eq!(parse(&text), Ok(vec![key]), "{text}");
    }
    check(&"1".repeat(64));
    check(&"0".repeat(64));
    check(&format!("1e{}", "0".repeat(62)));
    check(&format!("{}e12", "3".repeat(61)));
}

#[test]
fn what_is_broken_is_named_and_kept() {
    const GOOD: &str = "sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, scopes: [read], created: 2026-11-01T12:00:00Z";
    fn check(text: &str, expected: &str) {
        let directory = tempfile::tempdir().unwrap();
        let file = KeysFile::at(directory.path().join("keys.yaml"));
        fs::write(file.path(), text).unwrap();
        let path = file.path().display();
        let expected = format!("{path}: {expected}; repair it, or move it away and make new keys");
        assert_eq!(file.read().unwrap_err().to_string(), expected);
        assert_eq!(file.add(new("fresh")).unwrap_err().to_string(), expected);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), text);
    }
    const LIST: &str = "expected nothing but a list `keys`";
    let fields =
        "keys[0]: expected a mapping with texts for name, sha256, scopes, prefix, created, and a list of scopes";
    check("", LIST);
    check("hunter2", LIST);
    check("keys: hunter2", LIST);
    check("keys: [hunter2]", fields);
    check("keys: [{name: a, sha256: 12}]", fields);
    check("keys: [{name: a, key: hunter2}]", fields);
    check("keys: [{name: a}]", "keys[0]: missing field `sha256`");
    check(
        "keys: [",
        "not YAML: did not find expected node content at line 2 column 1, while parsing a flow node",
    );
    check("keys: []\nkey: 1\n", LIST);
    check(
        &format!("keys: [{{name: a b, {GOOD}}}]"),
        &format!("keys[0]: name: expected {NAME_RULE}"),
    );
    check(
        &format!("keys: [{{name: a, {GOOD}}}, {{name: a, {GOOD}}}]"),
        "keys[1]: another key is named a already",
    );
    check(
        &format!("keys: [{{name: a, {GOOD}}}, {{name: b, {GOOD}}}]"),
        "keys[1]: the same key stands there already",
    );
    check(
        &format!("keys: [{{name: a, {}}}]", GOOD.replace("ba78", "")),
        "keys[0]: sha256: expected 64 hexadecimal digits",
    );
    check(
        &format!("keys: [{{name: a, {}}}]", GOOD.replace("[read]", "[root]")),
        "keys[0]: scopes: expected scopes out of read, write, scrape, usage, admin, got \"root\"",
    );
    check(
        &format!("keys: [{{name: a, {}}}]", GOOD.replace("T12:00:00Z", "")),
        "keys[0]: created: expected a time such as 2026-11-01T12:00:00Z",
    );
    check(
        &format!("keys: [{{name: a, prefix: a b, {GOOD}}}]"),
        "keys[0]: prefix: expected a prefix of 1 to 512 bytes without spaces, such as team_",
    );
}
