//! What an operator changes while the hub runs: over HTTP, by a reload, over restarts.

use std::fs;

use crate::harness::hub;

const THROTTLE: &str = "/api/v1/admin/throttle";
const LIMITS: &str = "/api/v1/admin/limits/admin";

#[tokio::test]
async fn the_bandwidth_is_read_changed_and_given_back() {
    let mut hub = hub()
        .config("throttle: { server: { read_bytes_per_second: 1GB }, connection: { write_bytes_per_second: 500MB } }")
        .start()
        .await;
    let unchanged = r#"200 {"server":{"read_bytes_per_second":1000000000,"write_bytes_per_second":0},"connection":{"read_bytes_per_second":0,"write_bytes_per_second":500000000},"keys":{},"set_live":{}}"#;
    hub.check(&format!("GET {THROTTLE}"), "", unchanged).await;
    for (body, expected) in [
        (
            r#"{"server": {"write_bytes_per_second": 7000000}}"#,
            r#"200 {"server":{"read_bytes_per_second":1000000000,"write_bytes_per_second":7000000},…"set_live":{"server":{"write_bytes_per_second":7000000}}}"#,
        ),
        (
            r#"{"keys": {"admin": {"read_bytes_per_second": 9000000}}}"#,
            r#"200 …"keys":{"admin":{"read_bytes_per_second":9000000,"write_bytes_per_second":0}},…"#,
        ),
        (
            r#"{"server": {"read_bytes_per_second": 0}}"#,
            r#"200 {"server":{"read_bytes_per_second":0,"write_bytes_per_second":7000000},…"#,
        ),
        (
            r#"{"server": {"read_bytes_per_second": null}}"#,
            r#"200 {"server":{"read_bytes_per_second":1000000000,"write_bytes_per_second":7000000},…"#,
        ),
        ("{}", r#"200 {"server":{"read_bytes_per_second":1000000000,…"#),
        (
            r#"{"keys": {"nobody": {"read_bytes_per_second": 1}}}"#,
            "404 there is no key named \"nobody\"…\n",
        ),
        (
            r#"{"server": {"read_bytes_per_second": -1}}"#,
            "400 the body is no change of the bandwidth: …-1…\n",
        ),
        (r#"{"server": {"read_bytes_per_second": 1.5}}"#, "400 …"),
        (
            r#"{"server": {"read_bytes_per_second": 99999999999999999999}}"#,
            "400 …",
        ),
        (
            r#"{"server": {"read_bytes_per_second": 1000000000001}}"#,
            "400 server.read_bytes_per_second: expected 0 to 1000000000000 bytes a second\n",
        ),
        (r#"{"server": {"rate": 1}}"#, "400 …rate…\n"),
        ("", "400 …"),
    ] {
        hub.check(&format!("PUT {THROTTLE}"), body, expected).await;
    }
    hub.crash().await;
    let kept = r#"200 …"write_bytes_per_second":7000000},…"keys":{"admin":{"read_bytes_per_second":9000000,"write_bytes_per_second":0}},…"#;
    hub.check(&format!("GET {THROTTLE}"), "", kept).await;
    hub.check(&format!("DELETE {THROTTLE}"), "", "204").await;
    hub.check(&format!("GET {THROTTLE}"), "", unchanged).await;
}

#[tokio::test]
async fn limits_are_read_changed_and_given_back() {
    let mut hub = hub()
        .config("usage: { limits: { admin: { api_requests: 1_000 } } }")
        .start()
        .await;
    let unchanged =
        r#"200 {"api_requests":1000,"egress_bytes":0,"ingress_bytes":0,"requests_per_second":0,"set_live":{}}"#;
    hub.check(&format!("GET {LIMITS}"), "", unchanged).await;
    for (body, expected) in [
        (
            r#"{"egress_bytes": 5000000}"#,
            r#"200 {"api_requests":1000,"egress_bytes":5000000,…,"set_live":{"egress_bytes":5000000}}"#,
        ),
        (
            r#"{"api_requests": 2000, "egress_bytes": null}"#,
            r#"200 {"api_requests":2000,"egress_bytes":0,…"#,
        ),
        (r#"{"api_requests": -1}"#, "400 the body is no change of limits: …\n"),
        (
            r#"{"api_requests": 9007199254740993}"#,
            "400 api_requests: expected 0 to 9007199254740992\n",
        ),
        (r#"{"apirequests": 1}"#, "400 …apirequests…\n"),
    ] {
        hub.check(&format!("PUT {LIMITS}"), body, expected).await;
    }
    hub.check(
        "GET /api/v1/admin/limits/nobody",
        "",
        "404 there is no key named \"nobody\"…\n",
    )
    .await;
    hub.check("PUT /api/v1/admin/limits/nobody", "{}", "404 …").await;
    hub.crash().await;
    hub.check(
        "GET /api/v1/admin/limits",
        "",
        r#"200 {"admin":{"api_requests":2000,…}}"#,
    )
    .await;
    hub.check(&format!("DELETE {LIMITS}"), "", "204").await;
    hub.check(&format!("GET {LIMITS}"), "", unchanged).await;
}

#[tokio::test]
async fn limits_are_the_admins() {
    let hub = hub().start().await;
    let client = hub.new_key("client", &[]).await;
    let bounded = hub.new_key("bounded", &["--scope", "admin", "--prefix", "team_"]).await;
    for (request, key, expected) in [
        (format!("GET {THROTTLE}"), &client, 403),
        (format!("PUT {THROTTLE}"), &client, 403),
        (format!("DELETE {THROTTLE}"), &client, 403),
        (format!("PUT {LIMITS}"), &client, 403),
        (format!("GET {THROTTLE}"), &bounded, 200),
        (format!("PUT {THROTTLE}"), &bounded, 403),
        (format!("DELETE {THROTTLE}"), &bounded, 403),
        (format!("PUT {LIMITS}"), &bounded, 403),
        (format!("DELETE {LIMITS}"), &bounded, 403),
    ] {
        let (method, target) = request.split_once(' ').unwrap();
        let reply = hub.request(method, target).key(key).body("{}").send().await;
        assert_eq!(reply.status, expected, "{request}: {reply}");
    }
}

#[tokio::test]
async fn a_reload_takes_up_the_limits_of_the_file() {
    let hub = hub()
        .config("throttle: { server: { read_bytes_per_second: 1GB } }")
        .start()
        .await;
    let config = hub.setup.path("config.yaml");
    let reload = "POST /-/reload";
    hub.check(reload, "", r#"200 {…"settings":false,"wait_for_a_start":[]}"#)
        .await;
    fs::write(
        &config,
        "throttle: { server: { read_bytes_per_second: 2GB } }\nusage: { limits: { admin: { api_requests: 5000 } } }",
    )
    .unwrap();
    hub.check(reload, "", r#"200 {…"settings":true,"wait_for_a_start":[]}"#)
        .await;
    hub.check(
        &format!("GET {THROTTLE}"),
        "",
        r#"200 {"server":{"read_bytes_per_second":2000000000,…"#,
    )
    .await;
    hub.check(&format!("GET {LIMITS}"), "", r#"200 {"api_requests":5000,…"#)
        .await;
    let waiting = fs::read_to_string(&config).unwrap()
        + "\nlisten: 127.0.0.1:1\nlimits: { labels_per_series_max: 7 }\nlog: { level: debug }";
    fs::write(&config, waiting).unwrap();
    hub.check(reload, "", r#"200 {…"wait_for_a_start":["listen","limits","log"]}"#)
        .await;
    fs::write(&config, "throttle: { server: { reed: 1 } }").unwrap();
    hub.check(reload, "", "409 …throttle.server.reed: unknown setting…\n")
        .await;
    hub.check(&format!("GET {LIMITS}"), "", r#"200 {"api_requests":5000,…"#)
        .await;
}

#[tokio::test]
async fn settings_that_cannot_be_read_keep_a_hub_from_starting() {
    let mut hub = hub().start().await;
    hub.terminate().await;
    fs::write(hub.state().join("settings.yaml"), "throttle: 5").unwrap();
    let ended = hub.setup.fail().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.notes.contains("settings.yaml: ") && ended.notes.contains("repair it, or move it away"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn numbers_of_limits_are_spelled_as_in_the_file_and_lists_are_no_objects() {
    let hub = hub().start().await;
    let check = async |path: &str, body: &str, expected: &str| {
        hub.check(&format!("PUT {path}"), body, expected).await;
    };
    check(
        THROTTLE,
        r#"{"connection":{"write_bytes_per_second":"1MB"}}"#,
        "200 …\"write_bytes_per_second\":1000000…",
    )
    .await;
    check(
        THROTTLE,
        r#"{"server":{"read_bytes_per_second":"1.5GiB"}}"#,
        "200 …\"read_bytes_per_second\":1610612736…",
    )
    .await;
    check(LIMITS, r#"{"egress_bytes":"10M","api_requests":"2_000"}"#, "200 …").await;
    check(LIMITS, r#"{"api_requests":5000.0}"#, "200 …\"api_requests\":5000…").await;
    check(
        THROTTLE,
        r#"{"connection":{"write_bytes_per_second":"much"}}"#,
        "400 …connection.write_bytes_per_second: expected a size such as 65536 or 16MiB, got \"much\"…",
    )
    .await;
    check(
        LIMITS,
        r#"{"api_requests":"1MB"}"#,
        "400 …api_requests: expected a whole number, got \"1MB\"…",
    )
    .await;
    check(
        LIMITS,
        r#"{"api_requests":0.5}"#,
        "400 …api_requests: expected a whole number, got 0.5…",
    )
    .await;
    for list in ["[5000000]", "[]", "5"] {
        check(LIMITS, list, "400 …expected an object…").await;
        check(THROTTLE, list, "400 …expected an object…").await;
    }
    check(
        THROTTLE,
        r#"{"connection":[1,2]}"#,
        "400 …connection: …expected an object…",
    )
    .await;
    hub.check(
        "POST /api/v1/admin/keys",
        r#"["x",["read"]]"#,
        "400 …expected an object…",
    )
    .await;
}

#[tokio::test]
async fn a_limit_for_nobody_is_named_at_the_start_and_at_a_reload() {
    let hub = hub()
        .config("usage: { limits: { amdin: { api_requests: 5 } } }")
        .start()
        .await;
    let said = "usage.limits.amdin concerns nobody: there is no key of that name; did you mean admin?";
    assert!(hub.log().contains(said), "{}", hub.log());
    let misspelt = "throttle: { keys: { adnim: { read_bytes_per_second: 5 } } }";
    fs::write(hub.setup.path("config.yaml"), misspelt).unwrap();
    hub.check("POST /-/reload", "", "200 …").await;
    assert!(
        hub.log().contains("throttle.keys.adnim concerns nobody"),
        "{}",
        hub.log()
    );
}
