//! What a builder takes and what it refuses.

use std::{collections::HashMap, ffi::OsString};

use super::*;

#[track_caller]
fn check(builder: Builder, expected: Option<&str>) {
    let found = builder.build().err().map(|error| error.to_string());
    match (&found, expected) {
        (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
        _ => assert_eq!(found.as_deref(), expected),
    }
}

fn builder() -> Builder {
    Client::builder("https://h")
}

const PIN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn what_is_given_is_checked() {
    check(Client::builder("http://h"), None);
    check(Client::builder("ftp://h"), Some("must begin with https:// or http://"));
    check(builder().fingerprint(PIN), None);
    check(
        builder().fingerprint(PIN).fingerprint("abc"),
        Some("\"abc\" is not a SHA-256 fingerprint"),
    );
    check(builder().danger_accept_any_certificate(), None);
    check(
        builder().ca_file("/nonexistent/ca.pem"),
        Some("cannot read /nonexistent/ca.pem: No such file"),
    );
    check(
        builder().ca_pem("nothing"),
        Some("the authority's PEM has no certificate"),
    );
    check(
        builder().ca_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        Some("the authority's PEM has something that is not a certificate"),
    );
    check(
        builder().fingerprint(PIN).danger_accept_any_certificate(),
        Some("not several of these"),
    );
}

#[test]
fn keys_and_ids_must_fit_into_a_header() {
    let builder = || builder().fingerprint(PIN);
    check(builder().key("Hello World"), None);
    check(builder().key("schlüssel"), None);
    check(builder().key("secret\n"), None);
    for bad in ["", " ", "\n", "two\nlines"] {
        check(builder().key(bad), Some("the key is empty, or has a line end"));
    }
    check(builder().client_id("worker-1"), None);
    check(builder().client_id("x".repeat(128)), None);
    for bad in ["", "a\nb", &"x".repeat(129)] {
        check(builder().client_id(bad), Some("must be text of 1 to 128 bytes"));
    }
}

fn from(variables: &[(&'static str, &str)]) -> Builder {
    let variables: HashMap<_, OsString> = variables.iter().map(|(name, value)| (*name, value.into())).collect();
    let environment = Environment::look_up(|name| variables.get(name).cloned());
    Builder::with(None, Some(environment))
}

const HUB: (&str, &str) = ("METRIC_NEXUS_URL", "https://h");
const KEY: (&str, &str) = ("METRIC_NEXUS_KEY", "Hello World");

#[test]
fn the_environment_is_read() {
    let check = |variables: &[(&'static str, &str)], expected| check(from(variables), expected);
    fn pin(value: &str) -> (&'static str, &str) {
        ("METRIC_NEXUS_FINGERPRINT", value)
    }
    check(&[HUB, KEY, pin(PIN)], None);
    check(&[HUB, KEY, pin(&format!("{PIN},sha256:{PIN} {PIN}\n"))], None);
    check(
        &[("METRIC_NEXUS_URL", "http://h"), KEY, pin(""), ("METRIC_NEXUS_CA", "")],
        None,
    );
    check(&[KEY, pin(PIN)], None);
    check(
        &[("METRIC_NEXUS_URL", "h:3000"), KEY],
        Some("METRIC_NEXUS_URL: \"h:3000\" is not the address of a hub"),
    );
    check(&[HUB], Some("METRIC_NEXUS_KEY is not set: it must hold a key"));
    check(&[HUB, ("METRIC_NEXUS_KEY", "")], Some("METRIC_NEXUS_KEY is not set"));
    check(
        &[HUB, ("METRIC_NEXUS_KEY", "a\nb")],
        Some("METRIC_NEXUS_KEY: the key is empty, or has a line end"),
    );
    check(
        &[HUB, KEY, pin(&format!("{PIN},abc"))],
        Some("METRIC_NEXUS_FINGERPRINT: \"abc\" is not a SHA-256 fingerprint"),
    );
    check(
        &[HUB, KEY, pin(" , ")],
        Some("METRIC_NEXUS_FINGERPRINT has no fingerprint in it"),
    );
    check(
        &[HUB, KEY, ("METRIC_NEXUS_CA", "/nonexistent/ca.pem")],
        Some("METRIC_NEXUS_CA: cannot read /nonexistent/ca.pem: No such file"),
    );
    check(
        &[HUB, KEY, pin(PIN), ("METRIC_NEXUS_CA", "/nonexistent/ca.pem")],
        Some("METRIC_NEXUS_CA and METRIC_NEXUS_FINGERPRINT are both set"),
    );
}

#[test]
fn what_is_said_wins_over_the_environment() {
    let wrong = || {
        from(&[
            ("METRIC_NEXUS_URL", "ftp://h"),
            ("METRIC_NEXUS_KEY", "a\nb"),
            ("METRIC_NEXUS_FINGERPRINT", "abc"),
            ("METRIC_NEXUS_CA", "/nonexistent/ca.pem"),
        ])
    };
    check(wrong().url("https://h").key("k").fingerprint(PIN), None);
    check(wrong().url("https://h").key("k").danger_accept_any_certificate(), None);
    check(wrong().key("k").fingerprint(PIN), Some("METRIC_NEXUS_URL: "));
    check(wrong().url("https://h").fingerprint(PIN), Some("METRIC_NEXUS_KEY: "));
    check(wrong().url("https://h").key("k"), Some("METRIC_NEXUS_CA and"));
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_named_and_not_shown() {
    use std::os::unix::ffi::OsStringExt;

    for variable in ["METRIC_NEXUS_URL", "METRIC_NEXUS_KEY", "METRIC_NEXUS_FINGERPRINT"] {
        let environment = Environment::look_up(|name| match name {
            name if name == variable => Some(OsString::from_vec(b"secret\xff".to_vec())),
            "METRIC_NEXUS_KEY" => Some("k".into()),
            _ => None,
        });
        let error = Builder::with(None, Some(environment)).build().unwrap_err();
        assert_eq!(error.to_string(), format!("{variable} is not UTF-8"));
    }
}
