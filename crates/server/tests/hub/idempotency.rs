//! A write that is repeated under its `Idempotency-Key` counts once, whatever happens between the tries.

use std::io::Write;

use crate::harness::{Hub, hub, request::Reply};

/// One try: `METHOD /target`, the key, the body.
async fn attempt(hub: &Hub, request: &str, key: &str, body: &str) -> Reply {
    let (method, target) = request.split_once(' ').unwrap();
    hub.request(method, target)
        .header("Idempotency-Key", key)
        .body(body)
        .send()
        .await
}

/// Two tries get the same answer, and only the second says that it is a repeat.
async fn check(hub: &Hub, request: &str, body: &str, expected: &str) {
    let key = format!("{request} {body}").chars().take(250).collect::<String>();
    let first = attempt(hub, request, &key, body).await;
    let second = attempt(hub, request, &key, body).await;
    assert_eq!(
        (first.line(), first.header("idempotency-replayed")),
        (expected.to_owned(), None),
        "{request}"
    );
    assert_eq!(
        (second.line(), second.header("idempotency-replayed")),
        (expected.to_owned(), Some("true")),
        "{request}"
    );
    assert_eq!(first.header("location"), second.header("location"), "{request}");
}

#[tokio::test]
async fn every_write_of_every_api_can_be_repeated() {
    let hub = hub().start().await;
    check(&hub, "POST /a", "help", "201 Created").await;
    check(&hub, "POST /a", "other", "200 OK").await;
    check(&hub, "PUT /a", "5", "204").await;
    check(&hub, "PUT /a/inc", "", "204").await;
    check(&hub, "PUT /a/add", "2", "204").await;
    check(&hub, "PUT /a/sub", "1", "204").await;
    check(&hub, "PUT /a/dec?", "", "204").await;
    hub.check("GET /a", "", "200 6").await;
    check(&hub, "PUT /h/observe?__type__=histogram", "1", "204").await;
    hub.check("GET /api/v1/series?match[]=h", "", "200 …\"count\":1}…")
        .await;
    let batch = r#"[{"op":"inc","metric":"a"},{"op":"inc","metric":"a","labels":{"q":"x"}}]"#;
    check(
        &hub,
        "POST /api/v1/batch",
        batch,
        r#"200 {"changes":2,"created":1,"deleted":0}"#,
    )
    .await;
    check(
        &hub,
        "POST /api/v1/batch",
        "[]",
        r#"200 {"changes":0,"created":0,"deleted":0}"#,
    )
    .await;
    hub.check("GET /a", "", "200 7").await;
    check(
        &hub,
        "DELETE /api/v1/series?match[]=%7Bq=%22x%22%7D",
        "",
        r#"200 {"deleted":1,"dry_run":false}"#,
    )
    .await;
    check(&hub, "DELETE /a", "", "204").await;
    hub.check("GET /a", "", "404 …\n").await;
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let hub = hub().start().await;
    hub.check("POST /a", "", "201 Created").await;
    assert_eq!(attempt(&hub, "PUT /a/add?", "k", "1").await.status, 204);
    for (request, body) in [
        ("PUT /a/add", "1"),
        ("PUT /a/add?", "1.0"),
        ("PUT /a/sub?", "1"),
        ("PUT /b/add?", "1"),
        ("PUT /a/add?q=x", "1"),
    ] {
        let reply = attempt(&hub, request, "k", body).await;
        assert_eq!(reply.status, 422, "{request} {body}: {reply}");
        assert!(
            reply.text().contains("Idempotency-Key was used for another request"),
            "{reply}"
        );
    }
    hub.check("GET /a", "", "200 1").await;
    // The body counts as it is once decompressed, and both names of the header are one.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"1").unwrap();
    let reply = hub
        .put("/a/add?")
        .header("X-Idempotency-Key", "k")
        .header("content-encoding", "gzip")
        .body(gzip.finish().unwrap())
        .send()
        .await;
    assert_eq!(
        (reply.status, reply.header("idempotency-replayed")),
        (204, Some("true")),
        "{reply}"
    );
    hub.check("GET /a", "", "200 1").await;
}

#[tokio::test]
async fn keys_of_one_api_key_mean_nothing_to_another() {
    let config = "keys:\n- {name: one, key: one-0123456789abcdef, scopes: [read, write]}\n- {name: two, key: two-0123456789abcdef, scopes: [read, write]}\n";
    let hub = hub().config(config).key("one-0123456789abcdef").start().await;
    hub.check("POST /a", "", "201 Created").await;
    for key in ["one-0123456789abcdef", "two-0123456789abcdef", "one-0123456789abcdef"] {
        let reply = hub.put("/a/inc").key(key).header("Idempotency-Key", "k").send().await;
        assert_eq!(reply.status, 204, "{reply}");
    }
    hub.check("GET /a", "", "200 2").await;
    // Who is not let in leaves nothing behind.
    let reply = hub.put("/a/inc").no_key().header("Idempotency-Key", "new").send().await;
    assert_eq!(reply.status, 401, "{reply}");
    assert_eq!(
        attempt(&hub, "PUT /a/inc", "new", "")
            .await
            .header("idempotency-replayed"),
        None
    );
}

#[tokio::test]
async fn a_key_has_1_to_255_bytes_and_is_given_once() {
    let hub = hub().start().await;
    hub.check("POST /a", "", "201 Created").await;
    for (length, status) in [(0, 400), (1, 204), (255, 204), (256, 400), (4096, 400)] {
        let reply = attempt(&hub, "PUT /a/inc", &"k".repeat(length), "").await;
        assert_eq!(reply.status, status, "{length}: {reply}");
    }
    for (second, status) in [("k1", 204), ("k2", 400)] {
        let reply = hub
            .put("/a/inc")
            .header("Idempotency-Key", "k1")
            .header("X-Idempotency-Key", second)
            .send()
            .await;
        assert_eq!(reply.status, status, "{second}: {reply}");
    }
    hub.check("GET /a", "", "200 3").await;
}

#[tokio::test]
async fn what_was_refused_may_be_tried_again() {
    let hub = hub().start().await;
    for _ in 0..2 {
        assert_eq!(attempt(&hub, "PUT /a/inc", "k", "").await.status, 404);
    }
    hub.check("POST /a", "", "201 Created").await;
    assert_eq!(
        attempt(&hub, "PUT /a/inc", "k", "")
            .await
            .header("idempotency-replayed"),
        None
    );
    hub.check("GET /a", "", "200 1").await;
}

#[tokio::test]
async fn keys_survive_kill_9_snapshots_and_restarts() {
    let mut hub = hub().start().await;
    hub.check("POST /a", "", "201 Created").await;
    assert_eq!(attempt(&hub, "PUT /a/inc", "k", "").await.status, 204);
    for round in 0..6 {
        match round % 3 {
            0 => hub.kill().await,
            1 => drop(hub.terminate().await),
            _ => {
                hub.check("POST /api/v1/admin/snapshot", "", "200 …").await;
                hub.kill().await;
            }
        }
        hub.start().await;
        let reply = attempt(&hub, "PUT /a/inc", "k", "").await;
        assert_eq!(
            (reply.status, reply.header("idempotency-replayed")),
            (204, Some("true")),
            "{round}: {reply}"
        );
        hub.check("GET /a", "", "200 1").await;
    }
}

#[tokio::test]
async fn the_oldest_keys_are_forgotten_first() {
    let hub = hub().config("idempotency: {keys_max: 2}\n").start().await;
    hub.check("POST /a", "", "201 Created").await;
    for key in ["1", "2", "3"] {
        attempt(&hub, "PUT /a/inc", key, "").await;
    }
    for (key, replayed) in [("3", Some("true")), ("2", Some("true")), ("1", None)] {
        assert_eq!(
            attempt(&hub, "PUT /a/inc", key, "")
                .await
                .header("idempotency-replayed"),
            replayed,
            "{key}"
        );
    }
    let own = hub
        .get("/__metrics?prefix=metric_nexus_idempotency")
        .send()
        .await
        .text();
    for line in [
        "metric_nexus_idempotency_replays_total 2",
        "metric_nexus_idempotency_evictions_total 2",
        "metric_nexus_idempotency_keys 2",
    ] {
        assert!(own.contains(line), "{own}");
    }
}
