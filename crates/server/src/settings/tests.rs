//! Settings that are changed while the hub runs.

use super::*;
use crate::config::Rates;
use std::{cell::RefCell, fs};

fn rates(read: u64, write: u64) -> Rates {
    Rates {
        read_bytes_per_second: read,
        write_bytes_per_second: write,
    }
}

fn config(server: Rates) -> Config {
    let mut config = Config::default();
    config.throttle.server = server;
    config
}

fn change(json: &str) -> ThrottleChange {
    serde_json::from_str(json).unwrap()
}

#[test]
fn what_was_set_live_wins_until_it_is_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let state = StatePaths::in_directory(directory.path());
    let settings = Settings::open(&state, &config(rates(1, 2))).unwrap();
    let check = |json: &str, server: Rates, ci: Option<Rates>| {
        let told = RefCell::new(None);
        let apply = |throttle: &Throttle| *told.borrow_mut() = Some(throttle.clone());
        settings.change_throttle(&change(json), apply).unwrap();
        let throttle = settings.throttle();
        assert_eq!(
            (throttle.server, throttle.keys.get("ci").copied()),
            (server, ci),
            "{json}"
        );
        assert_eq!(told.take(), Some(throttle), "{json}");
        let again = Settings::open(&state, &config(rates(1, 2))).unwrap();
        assert_eq!(again.throttle(), settings.throttle(), "after a restart: {json}");
    };
    check("{}", rates(1, 2), None);
    assert!(!state.settings_file().exists(), "nothing was set");
    check(r#"{"server": {"read_bytes_per_second": 10}}"#, rates(10, 2), None);
    check(r#"{"server": {"write_bytes_per_second": 0}}"#, rates(10, 0), None);
    check(
        r#"{"keys": {"ci": {"read_bytes_per_second": 5}}}"#,
        rates(10, 0),
        Some(rates(5, 0)),
    );
    check(
        r#"{"server": {"read_bytes_per_second": null}}"#,
        rates(1, 0),
        Some(rates(5, 0)),
    );
    check(r#"{"keys": {"ci": null, "other": null}}"#, rates(1, 0), None);
    settings.forget_throttle(|_| {}).unwrap();
    assert_eq!(settings.throttle().server, rates(1, 2));
}

#[test]
fn another_configuration_counts_where_nothing_was_set_live() {
    let directory = tempfile::tempdir().unwrap();
    let state = StatePaths::in_directory(directory.path());
    let settings = Settings::open(&state, &config(rates(1, 2))).unwrap();
    settings
        .change_throttle(&change(r#"{"server": {"read_bytes_per_second": 10}}"#), |_| {})
        .unwrap();
    assert!(
        !settings
            .reload(&config(rates(1, 2)), |_, _| panic!("nothing changed"))
            .unwrap()
    );
    assert!(settings.reload(&config(rates(3, 4)), |_, _| {}).unwrap());
    assert_eq!(settings.throttle().server, rates(10, 4));
}

#[test]
fn a_file_edited_by_hand_is_taken_up_by_a_reload() {
    let directory = tempfile::tempdir().unwrap();
    let state = StatePaths::in_directory(directory.path());
    let settings = Settings::open(&state, &Config::default()).unwrap();
    fs::write(
        state.settings_file(),
        "throttle: { connection: { read_bytes_per_second: 7 } }",
    )
    .unwrap();
    assert!(settings.reload(&Config::default(), |_, _| {}).unwrap());
    assert_eq!(settings.throttle().connection, rates(7, 0));
}

#[test]
fn what_is_no_file_of_settings_is_refused_by_name() {
    let check = |text: &str, expected: &str| {
        let directory = tempfile::tempdir().unwrap();
        let state = StatePaths::in_directory(directory.path());
        fs::write(state.settings_file(), text).unwrap();
        let error = Settings::open(&state, &Config::default()).unwrap_err().to_string();
        assert!(error.contains("settings.yaml: ") && error.contains(expected), "{error}");
    };
    check("throtle: {}", "unknown field `throtle`");
    check("throttle: { server: { read_bytes_per_second: -1 } }", "expected u64");
    check("- 1", "invalid type");
    check("throttle: {", "repair it");
    // Emptied, or cut short behind what stands above the settings.
    for nothing in ["", "\n", "# What was set live", "---\n", "null", "~"] {
        check(nothing, "it says nothing, so what was set is lost; repair it");
    }
}

#[test]
fn the_start_says_what_wins() {
    let mut set = ThrottleSet::default();
    set.change(&change(
        r#"{"server": {"read_bytes_per_second": 10, "write_bytes_per_second": 2}, "keys": {"ci": {"read_bytes_per_second": 5}}}"#,
    ));
    assert_eq!(
        set.wins_over(&config(rates(1, 2)).throttle),
        [
            "throttle.server.read_bytes_per_second is 10, not 1",
            "throttle.keys.ci.read_bytes_per_second is 5, not 0"
        ]
    );
}

#[test]
fn a_rate_beyond_reason_is_named() {
    let check = |json: &str, expected: Option<&str>| {
        assert_eq!(change(json).out_of_range().as_deref(), expected, "{json}");
    };
    check(r#"{"server": {"read_bytes_per_second": 1000000000000}}"#, None);
    check(
        r#"{"server": {"read_bytes_per_second": 1000000000001}}"#,
        Some("server.read_bytes_per_second"),
    );
    check(
        r#"{"keys": {"ci": {"write_bytes_per_second": 18446744073709551615}}}"#,
        Some("keys.ci.write_bytes_per_second"),
    );
}

#[test]
fn limits_are_set_by_key_and_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let state = StatePaths::in_directory(directory.path());
    let configured = KeyLimits {
        api_requests: 5,
        ..KeyLimits::default()
    };
    let mut config = Config::default();
    config.usage.limits.insert("ci".to_owned(), configured);
    let settings = Settings::open(&state, &config).unwrap();
    let check = |json: Option<&str>, expected: KeyLimits| {
        let change = json.map(|json| serde_json::from_str(json).unwrap());
        let mut told = None;
        settings
            .change_limits("ci", change, |limits| told = Some(limits))
            .unwrap();
        assert_eq!((told, settings.limits("ci")), (Some(expected), expected), "{json:?}");
        let again = Settings::open(&state, &config).unwrap();
        assert_eq!(again.limits("ci"), expected, "after a restart: {json:?}");
    };
    let with = |api_requests, ingress_bytes| KeyLimits {
        api_requests,
        ingress_bytes,
        ..KeyLimits::default()
    };
    check(Some("{}"), configured);
    check(Some(r#"{"ingress_bytes": 7}"#), with(5, 7));
    check(Some(r#"{"api_requests": 0}"#), with(0, 7));
    check(Some(r#"{"api_requests": null}"#), with(5, 7));
    check(None, configured);
    assert_eq!(settings.limits("other"), KeyLimits::default());
    assert_eq!(settings.all_limits(), config.usage.limits);
}
