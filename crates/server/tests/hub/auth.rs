//! Who may do what: forms of the key, scopes, prefixes, making and revoking; and that a key is never written down.

use std::{fs, path::Path};

use tokio::{process::Command, time::timeout};

use crate::harness::{DEADLINE, Hub, Setup, hub, require, until};

/// A hub with a key for each scope and one for metrics of `ci_`, which are named as their scope or prefix and are made
/// of that and `-0123456789abcdef`; requests carry the one for everything.
fn with_keys() -> Setup {
    let mut config = "keys:\n".to_owned();
    for (name, more) in [
        ("all", "scopes: [read, write, scrape, admin]"),
        ("read", "scopes: [read]"),
        ("write", "scopes: [write]"),
        ("scrape", "scopes: [scrape]"),
        ("admin", "scopes: [admin]"),
        ("ci", "prefix: ci_"),
    ] {
        config.push_str(&format!("- {{name: {name}, key: {}, {more}}}\n", key(name)));
    }
    hub().config(&config).key(&key("all"))
}

fn key(name: &str) -> String {
    format!("{name}-0123456789abcdef")
}

#[tokio::test]
async fn a_key_may_come_in_four_forms() {
    let hub = hub()
        .config("keys: [\"Hello World 0123\"]")
        .key("Hello World 0123")
        .start()
        .await;
    for (name, value, status) in [
        ("authorization", "Bearer Hello World 0123", 404),
        ("authorization", "bearer Hello World 0123", 404),
        ("authorization", "token Hello World 0123", 404),
        ("Authorization", "Token  Hello World 0123 ", 404),
        ("authorization", "Basic dXNlcjpIZWxsbyBXb3JsZCAwMTIz", 404),
        ("authorization", "basic dXNlcjpIZWxsbyBXb3JsZCAwMTIz", 404),
        ("x-api-key", "Hello World 0123", 404),
        ("X-API-Key", " Hello World 0123 ", 404),
        ("authorization", "Hello World 0123", 401),
        ("authorization", "Bearer", 401),
        ("authorization", "Bearer hello world 0123", 401),
        ("authorization", "Bearer Hello World 01234", 401),
        ("authorization", "Digest Hello World 0123", 401),
        ("authorization", "Basic Hello World 0123", 401),
        ("x-api-key", "Bearer Hello World 0123", 401),
        ("cookie", "Hello World 0123", 401),
    ] {
        let reply = hub.get("/m").no_key().header(name, value).send().await;
        assert_eq!(reply.status, status, "{name}: {value}: {reply}");
    }
    // Not chosen from.
    let twice = hub
        .get("/m")
        .header("authorization", "Bearer Hello World 0123")
        .send()
        .await;
    assert_eq!(twice.status, 401, "{twice}");
    // X-API-Key goes before what a proxy may have put into Authorization.
    let proxied = hub
        .get("/m")
        .key("the proxy's")
        .header("x-api-key", "Hello World 0123")
        .send()
        .await;
    assert_eq!(proxied.status, 404, "{proxied}");
    let hidden = hub.get("/m?key=Hello+World+0123").no_key().send().await;
    assert_eq!(hidden.status, 401, "{hidden}");
}

#[tokio::test]
async fn without_a_key_nothing_but_health_is_told() {
    let hub = hub().start().await;
    for request in ["GET /-/healthy", "GET /-/ready"] {
        let (method, target) = request.split_once(' ').unwrap();
        let reply = hub.request(method, target).no_key().send().await;
        assert_eq!(reply.line(), "200 OK\n", "{request}");
        let head = hub.request("HEAD", target).no_key().send().await;
        assert_eq!(head.line(), "200", "{request}");
    }
    for request in [
        "GET /m",
        "HEAD /m",
        "PUT /m",
        "PUT /m/inc",
        "PATCH /m",
        "GET /",
        "GET /nothing/at/all/here",
        "GET /-/nothing",
        "POST /-/reload",
        "GET /__metrics",
        "GET /metrics",
        "POST /api/v1/batch",
        "GET /api/v1/openapi.json",
        "GET /api/v1/hub",
        "GET /%ff",
    ] {
        let (method, target) = request.split_once(' ').unwrap();
        let none = hub.request(method, target).no_key().send().await;
        let wrong = hub.request(method, target).key("wrong").send().await;
        for (reply, text) in [
            (none, "missing or malformed API Key…\n"),
            (wrong, "Invalid or expired API Key\n"),
        ] {
            let text = if method == "HEAD" {
                "401".to_owned()
            } else {
                format!("401 {text}")
            };
            assert!(crate::harness::fits(&reply.line(), &text), "{request}: {reply}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer realm=\"metric-nexus\""));
        }
    }
    let failures = hub.get("/__metrics?prefix=metric_nexus_auth_failures").send().await;
    assert!(
        failures.text().ends_with("metric_nexus_auth_failures_total 30\n"),
        "{failures}"
    );
}

#[tokio::test]
async fn every_request_needs_its_scope_and_no_other() {
    let hub = with_keys().start().await;
    hub.check("POST /m", "", "201 Created").await;
    for (request, needed) in [
        ("GET /m", "read"),
        ("GET /metric_nexus_clients", "read"),
        ("GET /api/v1/families", "read"),
        ("GET /api/v1/series", "read"),
        ("GET /api/v1/hub", "read"),
        ("POST /m", "write"),
        ("PUT /m", "write"),
        ("PUT /m/inc", "write"),
        ("PUT /m/sub", "write"),
        ("POST /api/v1/batch", "write"),
        ("DELETE /api/v1/series?match[]=nothing", "write"),
        ("DELETE /api/v1/series?match[]=m&dry_run=true", "write"),
        ("DELETE /nothing", "write"),
        ("GET /__metrics", "scrape"),
        ("GET /__metrics/", "scrape"),
        ("GET /metrics", "scrape"),
        ("POST /api/v1/admin/snapshot", "admin"),
        ("GET /api/v1/admin/keys", "admin"),
        ("POST /api/v1/admin/keys", "admin"),
        ("DELETE /api/v1/admin/keys/nobody", "admin"),
        ("POST /-/reload", "admin"),
    ] {
        let (method, target) = request.split_once(' ').unwrap();
        for scope in ["read", "write", "scrape", "admin"] {
            let reply = hub.request(method, target).key(&key(scope)).send().await;
            if scope == needed {
                assert!(![401, 403].contains(&reply.status), "{request}: {reply}");
            } else {
                assert_eq!(
                    reply.line(),
                    format!("403 the key {scope} lacks the scope {needed}\n"),
                    "{request}"
                );
            }
        }
    }
    for scope in ["read", "write", "scrape", "admin"] {
        let document = hub.get("/api/v1/openapi.json").key(&key(scope)).send().await;
        assert_eq!(document.status, 200);
    }
}

#[tokio::test]
async fn a_prefix_bounds_what_a_key_sees_and_touches() {
    let hub = with_keys().start().await;
    hub.check("POST /other", "", "201 Created").await;
    hub.check("PUT /other/inc?a=b", "", "204").await;
    let ci = key("ci");
    let denied = "403 the key ci is only for metrics whose names begin with ci_\n";
    let denied_items = "403 …nothing was changed\nitem 1: the key ci is only for metrics whose names begin with ci_\n";
    for (request, body, expected) in [
        ("POST /ci_jobs", "", "201 Created"),
        ("PUT /CI-jobs/inc?a=b", "", "204"),
        ("GET /ci_jobs?a=b", "", "200 1"),
        ("POST /cijobs", "", denied),
        ("POST /ci", "", denied),
        ("PUT /other/inc", "", denied),
        ("GET /other", "", denied),
        ("GET /nothing", "", denied),
        ("GET /metric_nexus_clients", "", denied),
        ("DELETE /other", "", denied),
        ("PUT /other_new?__type__=gauge", "1", denied),
        (
            "POST /api/v1/batch",
            r#"[{"op":"inc","metric":"ci_jobs"},{"op":"inc","metric":"other"}]"#,
            denied_items,
        ),
        (
            "POST /api/v1/batch",
            r#"[{"op":"inc","metric":"ci_jobs"},{"op":"delete","metric":"other"}]"#,
            denied_items,
        ),
        ("GET /ci_jobs", "", "200 0"),
        (
            "GET /api/v1/families",
            "",
            "200 {\"families\":[{\"name\":\"ci_jobs\",…}]}",
        ),
        ("GET /api/v1/families?prefix=other", "", "200 {\"families\":[]}"),
        ("GET /api/v1/series?match[]=other", "", "200 {\"series\":[]}"),
        (
            "GET /api/v1/series?match[]={a=%22b%22}",
            "",
            "200 {\"series\":[{\"name\":\"ci_jobs\",…}]}",
        ),
        ("GET /__metrics?prefix=other", "", "200"),
        (
            "GET /__metrics",
            "",
            "200 # TYPE ci_jobs gauge\nci_jobs 0\nci_jobs{a=\"b\"} 1\n",
        ),
        (
            "DELETE /api/v1/series?match[]={a=%22b%22}&dry_run=1",
            "",
            "200 {\"deleted\":1,\"dry_run\":true,…",
        ),
        (
            "DELETE /api/v1/series?match[]={a=%22b%22}",
            "",
            "200 {\"deleted\":1,\"dry_run\":false}",
        ),
        (
            "DELETE /api/v1/series?match[]={__name__=~%22.%2B%22}",
            "",
            "200 {\"deleted\":1,\"dry_run\":false}",
        ),
    ] {
        let (method, target) = request.split_once(' ').unwrap();
        let reply = hub.request(method, target).key(&ci).body(body).send().await;
        assert!(
            crate::harness::fits(&reply.line(), expected),
            "{request}: {reply} instead of {expected}"
        );
    }
    hub.check("GET /other?a=b", "", "200 1").await;
    hub.check("GET /ci_jobs", "", "404 …").await;
}

#[tokio::test]
async fn keys_come_and_go_beside_the_running_hub() {
    let hub = hub().start().await;
    let key = hub.new_key("ci", &["--scope", "write", "--prefix", "ci_"]).await;
    let reply = hub.put("/ci_jobs/inc?__type__=counter").key(&key).send().await;
    assert_eq!(reply.line(), "204");

    let again = hub.setup.command_on_state(&["key", "new", "ci"]).await;
    assert_eq!((again.code, again.output.as_str()), (Some(1), ""), "{again:?}");
    assert!(again.notes.contains("ci"), "{again:?}");

    let list = hub.setup.command_on_state(&["key", "list"]).await;
    assert_eq!(list.code, Some(0), "{list:?}");
    let line = list.output.lines().find(|line| line.starts_with("ci ")).unwrap();
    assert!(line.contains("write") && line.contains("ci_"), "{line}");
    assert!(!list.output.contains(&key), "{list:?}");

    let revoked = hub.setup.command_on_state(&["key", "revoke", "ci"]).await;
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    until("the end of the key", async || {
        let reply = hub.get("/ci_jobs").key(&key).send().await;
        (reply.line() == "401 Invalid or expired API Key\n").then_some(())
    })
    .await;
    let unknown = hub.setup.command_on_state(&["key", "revoke", "ci"]).await;
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
}

#[tokio::test]
async fn keys_are_made_and_revoked_over_http_at_once() {
    let mut hub = hub().start().await;
    let keys = "/api/v1/admin/keys";
    let made = hub
        .post(keys)
        .body(r#"{"name": "ci", "scopes": ["write"], "prefix": "ci_"}"#)
        .send()
        .await;
    assert_eq!((made.status, &made.json()["name"]), (201, &"ci".into()), "{made}");
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let used = hub.put("/ci_jobs/inc?__type__=counter").key(&key).send().await;
    assert_eq!(used.line(), "204");
    for (body, expected) in [
        (r#"{"name": "ci"}"#, "409 there is a key named ci already\n"),
        (r#"{"name": "admin"}"#, "409 …"),
        (r#"{"name": "not a name"}"#, "400 \"not a name\" cannot name a key…\n"),
        (
            r#"{"name": "x", "scopes": ["root"]}"#,
            "400 expected scopes out of read, write, scrape, usage, admin, got \"root\"\n",
        ),
        (r#"{"name": "x", "scopes": []}"#, "400 …"),
        (r#"{"name": "x", "prefix": ""}"#, "400 expected a prefix…\n"),
        (r#"{"name": "x", "colour": "red"}"#, "400 …colour…\n"),
        (r#"{"scopes": ["read"]}"#, "400 …name…\n"),
        ("", "400 the body is not a key…\n"),
    ] {
        hub.check(&format!("POST {keys}"), body, expected).await;
    }
    let listed = hub.get(keys).send().await;
    assert!(!listed.text().contains(&key), "{listed}");
    let listed = listed.json();
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["admin", "ci"]);
    hub.restart().await;
    let kept = hub.put("/ci_jobs/inc").key(&key).send().await;
    assert_eq!(kept.line(), "204");
    hub.check(&format!("DELETE {keys}/ci"), "", "204").await;
    let revoked = hub.put("/ci_jobs/inc").key(&key).send().await;
    assert_eq!(revoked.status, 401);
    hub.check(&format!("DELETE {keys}/ci"), "", "404 …ci…\n").await;
}

#[tokio::test]
async fn a_key_of_the_configuration_is_not_revoked_elsewhere() {
    let hub = with_keys().start().await;
    hub.check("DELETE /api/v1/admin/keys/read", "", "4…").await;
    hub.check("POST /api/v1/admin/keys", r#"{"name": "read"}"#, "409 …")
        .await;
    let reply = hub.get("/api/v1/hub").key(&key("read")).send().await;
    assert_eq!(reply.status, 200);
    assert!(!hub.state().join("admin.key").exists());
}

#[tokio::test]
async fn keys_are_never_written_down() {
    let mut hub = with_keys_and_every_word_logged().start().await;
    let made = hub.new_key("made", &[]).await;
    let body = r#"{"name": "posted"}"#;
    let posted = hub.post("/api/v1/admin/keys").body(body).send().await.json()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let configured = hub.key.clone();
    let basic = "Basic dXNlcjpIZWxsbyBXb3JsZCAwMTIz";
    for secret in [&made, &posted, &configured, &"a-wrong-key-0123456789".to_owned()] {
        for (name, value) in [
            ("authorization", format!("Bearer {secret}")),
            ("authorization", format!("token {secret}")),
            ("authorization", format!("Wrong {secret}")),
            ("x-api-key", secret.clone()),
            ("x-api-key", format!("{secret}x")),
            ("authorization", basic.to_owned()),
        ] {
            hub.get("/m").no_key().header(name, &value).send().await;
            hub.post("/m").no_key().header(name, &value).send().await;
        }
        over_http2(&hub, secret).await;
    }
    let written = |hub: &Hub| hub.output() + &hub.log();
    let mut said = written(&hub);
    hub.restart().await;
    said.push_str(&written(&hub));
    hub.check("POST /api/v1/admin/snapshot", "", "200 …").await;
    hub.kill().await;
    said.push_str(&written(&hub));
    for secret in [
        &made,
        &posted,
        &configured,
        "a-wrong-key-0123456789",
        "dXNlcjpIZWxsbyBXb3JsZCAwMTIz",
    ] {
        assert!(!said.contains(secret), "{said}");
        nowhere_in(&hub.state(), secret);
    }
}

fn with_keys_and_every_word_logged() -> Setup {
    let config = format!(
        "{{log: {{level: trace}}, keys: [{{name: all, key: {}, scopes: [admin, write, read]}}]}}",
        key("all")
    );
    hub().config(&config).key(&key("all"))
}

/// The same over HTTP/2, whose library logs frames.
async fn over_http2(hub: &Hub, key: &str) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--http2", "-o", "/dev/null", "--cacert"])
        .arg(hub.state().join("tls/ca.pem"));
    curl.args([
        "-H",
        &format!("Authorization: Bearer {key}"),
        &format!("https://{}/m", hub.address),
    ]);
    let ran = timeout(DEADLINE, curl.kill_on_drop(true).status()).await.unwrap();
    if require("curl", ran.is_ok()) {
        assert!(ran.unwrap().success());
    }
}

fn nowhere_in(directory: &Path, secret: &str) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            nowhere_in(&path, secret);
        } else {
            let bytes = fs::read(&path).unwrap();
            let found = memchr::memmem::find(&bytes, secret.as_bytes());
            assert!(found.is_none(), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn the_first_admin_key_stands_in_its_file_alone() {
    let mut hub = hub().start().await;
    let key = hub.key.clone();
    let file = hub.state().join("admin.key");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert!(hub.output().contains("admin.key"));
    until("its name in the log", async || {
        hub.log().contains("admin.key").then_some(())
    })
    .await;
    fs::remove_file(&file).unwrap();
    nowhere_in(&hub.state(), &key);
    assert!(!hub.output().contains(&key) && !hub.log().contains(&key));
    // It counts without its file, and a later start makes no other.
    hub.check("GET /api/v1/hub", "", "200 …").await;
    fs::write(&file, &key).unwrap();
    hub.restart().await;
    assert!(!hub.output().contains("admin.key"), "{}", hub.output());
    hub.check("GET /api/v1/hub", "", "200 …").await;
}

#[tokio::test]
async fn the_last_key_that_administers_the_whole_hub_cannot_be_taken_away() {
    let hub = hub().start().await;
    let keys = "/api/v1/admin/keys";
    let mut made = Vec::new();
    for body in [
        r#"{"name": "team", "scopes": ["admin"], "prefix": "team_"}"#,
        r#"{"name": "reader", "scopes": ["read"]}"#,
        r#"{"name": "boss", "scopes": ["admin"]}"#,
    ] {
        made.push(
            hub.post(keys).body(body).send().await.json()["key"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    // With a second one it may go; the second is then the last, whoever is left beside it.
    let gone = hub.delete(&format!("{keys}/admin")).send().await;
    assert_eq!(gone.status, 204, "{gone}");
    let boss = &made[2];
    for (name, expected) in [
        ("boss", "409 boss is the last key that may administer the whole hub…\n"),
        ("reader", "204"),
        ("team", "204"),
        ("boss", "409 …"),
    ] {
        let reply = hub.delete(&format!("{keys}/{name}")).key(boss).send().await;
        assert!(crate::harness::fits(&reply.line(), expected), "{name}: {reply}");
    }
    let listed = hub.get(keys).key(boss).send().await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn an_admin_bounded_by_a_prefix_makes_and_revokes_only_keys_within_it() {
    let hub = hub().start().await;
    let keys = "/api/v1/admin/keys";
    let bounded = r#"{"name": "team", "scopes": ["admin"], "prefix": "team_"}"#;
    let made = hub.post(keys).body(bounded).send().await;
    let key = made.json()["key"].as_str().unwrap().to_owned();
    for (body, status) in [
        (r#"{"name": "x"}"#, 403),
        (r#"{"name": "x", "prefix": "tea"}"#, 403),
        (r#"{"name": "x", "prefix": "team_a_"}"#, 201),
    ] {
        let reply = hub.post(keys).key(&key).body(body).send().await;
        assert_eq!(reply.status, status, "{body}: {reply}");
    }
    for (name, status) in [("admin", 403), ("nobody", 403), ("x", 204)] {
        let reply = hub.delete(&format!("{keys}/{name}")).key(&key).send().await;
        assert_eq!(reply.status, status, "{name}: {reply}");
    }
}

#[tokio::test]
async fn a_prefix_covers_what_names_in_paths_become() {
    let hub = hub().start().await;
    let key = hub
        .new_key("app", &["--scope", "read,write,scrape", "--prefix", "my-app."])
        .await;
    let check = async |method: &str, path: &str, body: &str, status: u16| {
        let reply = hub.request(method, path).key(&key).body(body).send().await;
        assert_eq!(reply.status, status, "{method} {path}: {reply}");
        reply.text()
    };
    check("PUT", "/my-app.x/inc?__type__=counter", "", 204).await;
    check(
        "POST",
        "/api/v1/batch",
        r#"[{"op":"inc","metric":"my-app.y","type":"counter"}]"#,
        200,
    )
    .await;
    check("PUT", "/my_app/inc?__type__=counter", "", 403).await;
    check("PUT", "/other/inc?__type__=counter", "", 403).await;
    assert!(
        check("GET", "/__metrics?prefix=my_app_x", "", 200)
            .await
            .contains("my_app_x 1\n")
    );
    let families = check("GET", "/api/v1/families", "", 200).await;
    assert!(
        families.contains("my_app_x") && families.contains("my-app.y"),
        "{families}"
    );
    check("DELETE", "/api/v1/series?match[]={__name__=~%22.%2B%22}", "", 200).await;
    assert_eq!(check("GET", "/api/v1/families", "", 200).await, r#"{"families":[]}"#);
}
