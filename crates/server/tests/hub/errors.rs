//! What a client gets when something is wrong: one line, or problem details; and the idempotency header, which was deadly.

use crate::harness::{Hub, hub};

#[tokio::test]
async fn an_error_is_a_line_or_problem_details_as_the_client_accepts() {
    let hub = hub().start().await;
    let line = ("text/plain; charset=utf-8", "there is no metric m\n");
    let problem = (
        "application/problem+json",
        r#"{"type":"urn:metric-nexus:problem:not-found","title":"Not Found","status":404,"detail":"there is no metric m"}"#,
    );
    for (accept, (content_type, body)) in [
        ("", line),
        ("*/*", line),
        ("text/plain", line),
        ("text/plain, */*;q=0.1", line),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            line,
        ),
        ("application/json", problem),
        ("application/problem+json", problem),
        ("application/json, text/plain, */*", problem),
    ] {
        let reply = hub.get("/m").header("accept", accept).send().await;
        assert_eq!(reply.status, 404);
        assert_eq!(reply.header("content-type"), Some(content_type), "{accept}");
        assert_eq!(reply.text(), body, "{accept}");
    }
    let none = hub.get("/m").send().await;
    assert_eq!(none.header("content-type"), Some(line.0));
    assert_eq!(none.text(), line.1);
}

#[tokio::test]
async fn a_request_keeps_its_id_and_an_error_is_what_it_says_it_is() {
    let hub = hub().start().await;
    for (id, expected) in [("7f01-a", Some("7f01-a")), ("with blank", None), ("", None)] {
        for path in ["/m", "/api/v1/hub", "/-/healthy", "/no/such/path"] {
            let reply = hub.get(path).header("x-request-id", id).send().await;
            assert_eq!(reply.header("x-request-id"), expected, "{path}: {reply}");
            let is_error = reply.status >= 400;
            assert_eq!(
                reply.header("x-content-type-options"),
                is_error.then_some("nosniff"),
                "{path}"
            );
        }
    }
}

/// What a browser asks before it lets a page of this origin send a request.
async fn preflight(hub: &Hub, origin: &str) -> Option<String> {
    let ask = hub
        .request("OPTIONS", "/api/v1/batch")
        .no_key()
        .header("origin", origin);
    let ask = ask.header("access-control-request-method", "POST");
    let reply = ask.header("access-control-request-headers", "x-api-key").send().await;
    reply.header("access-control-allow-origin").map(str::to_owned)
}

#[tokio::test]
async fn browsers_let_pages_of_chosen_origins_talk_to_the_hub() {
    let page = "https://pages.example.org";
    let none = hub().start().await;
    assert_eq!(preflight(&none, page).await, None);
    let chosen = hub()
        .config("cors: { origins: ['https://pages.example.org'] }")
        .start()
        .await;
    assert_eq!(preflight(&chosen, page).await.as_deref(), Some(page));
    assert_eq!(preflight(&chosen, "https://example.org").await, None);
    let reply = chosen.get("/api/v1/hub").header("origin", page).send().await;
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(reply.header("access-control-allow-origin"), Some(page));
    let expose = reply.header("access-control-expose-headers").unwrap();
    assert!(expose.contains("x-request-id"), "{expose}");
    // A page that is let in needs a key like everybody.
    let reply = chosen.get("/api/v1/hub").no_key().header("origin", page).send().await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (401, Some(page))
    );
}

/// Asks for JSON, and expects problem details of that sort.
async fn check(hub: &Hub, request: &str, body: &[u8], status: u16, sort: &str) {
    let (method, target) = request.split_once(' ').unwrap();
    let reply = hub
        .request(method, target)
        .header("accept", "application/json")
        .body(body)
        .send()
        .await;
    assert_eq!(reply.status, status, "{request}: {reply}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{request}: {reply}"
    );
    let problem = reply.json();
    assert_eq!(
        problem["type"],
        format!("urn:metric-nexus:problem:{sort}"),
        "{request}: {reply}"
    );
    assert_eq!(problem["status"], status, "{request}");
    assert!(
        problem["title"].is_string() && problem["detail"].is_string(),
        "{request}: {reply}"
    );
}

#[tokio::test]
async fn every_sort_of_problem_has_its_own_type() {
    let limits = "limits: {series_max: 3, value_bytes_max: 3, changes_per_request_max: 2, body_bytes_max: 1000}";
    let hub = hub().config(limits).start().await;
    hub.check("POST /g", "", "201 Created").await;
    hub.check("POST /c?__type__=counter", "", "201 Created").await;
    hub.check("POST /h?__type__=histogram", "", "201 Created").await;
    for (request, body, status, sort) in [
        ("PUT /g", "abc", 400, "not-a-number"),
        ("POST /1", "", 400, "bad-name"),
        ("POST /api", "", 400, "bad-name"),
        ("POST /__x", "", 400, "bad-name"),
        ("POST /g?a-b=1", "", 400, "bad-label"),
        ("POST /g?le=1", "", 400, "bad-label"),
        ("POST /g?__x__=1", "", 400, "bad-request"),
        ("POST /s?__type__=summary", "", 400, "unsupported-type"),
        ("PUT /c", "NaN", 400, "not-finite"),
        ("GET /api/v1/series?match[]=}", "", 400, "bad-selector"),
        ("GET /api/v1/series?match=x", "", 400, "bad-request"),
        ("POST /api/v1/batch", "{}", 400, "bad-item"),
        ("POST /metric_nexus_x", "", 403, "reserved-name"),
        ("GET /x", "", 404, "not-found"),
        ("PUT /x/inc", "", 404, "unknown-metric"),
        ("DELETE /g?a=b", "", 404, "unknown-metric"),
        ("GET /no/such/path", "", 404, "not-found"),
        ("PUT /g/up", "", 404, "not-found"),
        ("PATCH /g", "", 405, "method-not-allowed"),
        ("PUT /h", "1", 409, "kind-conflict"),
        ("PUT /c/dec", "", 409, "counter-down"),
        ("POST /h?__type__=histogram&__buckets__=1", "", 409, "buckets-conflict"),
        ("POST /h_count", "", 409, "name-collision"),
        ("POST /g?a=1234", "", 422, "limit-exceeded"),
        ("POST /g?a=1", "", 429, "limit-reached"),
        ("DELETE /api/v1/admin/keys/nobody", "", 404, "not-found"),
        ("DELETE /api/v1/admin/keys/%ff", "", 400, "bad-request"),
        ("POST /api/v1/admin/keys", "{", 400, "bad-request"),
        ("POST /api/v1/admin/keys", "{\"name\": \"admin\"}", 409, "exists"),
    ] {
        check(&hub, request, body.as_bytes(), status, sort).await;
    }
    let three = [r#"{"op":"inc","metric":"g"}"#; 3].join("\n");
    check(&hub, "POST /api/v1/batch", three.as_bytes(), 413, "too-many-changes").await;
    for request in ["PUT /g", "POST /g", "POST /api/v1/batch", "POST /api/v1/admin/keys"] {
        check(&hub, request, &[b' '; 1001], 413, "body-too-large").await;
    }
}

#[tokio::test]
async fn without_a_key_there_are_problem_details_too() {
    let hub = hub().start().await;
    let reply = hub.get("/m").no_key().header("accept", "application/json").send().await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.json()["type"], "urn:metric-nexus:problem:unauthorized");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer realm=\"metric-nexus\""));
    let scrape_only = hub.new_key("scrape", &["--scope", "scrape"]).await;
    let reply = hub
        .get("/m")
        .key(&scrape_only)
        .header("accept", "application/json")
        .send()
        .await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.json()["type"], "urn:metric-nexus:problem:forbidden");
}

#[tokio::test]
async fn the_form_of_a_body_that_is_not_understood_is_named() {
    let hub = hub().start().await;
    hub.check("POST /m", "", "201 Created").await;
    for encoding in ["br", "deflate", "gzip, gzip", "snappy", "\u{fffd}"] {
        let reply = hub
            .put("/m")
            .header("content-encoding", encoding)
            .body("5")
            .send()
            .await;
        assert_eq!(reply.status, 415, "{encoding}: {reply}");
        assert_eq!(reply.header("accept-encoding"), Some("gzip, zstd"));
    }
    let reply = hub.put("/m").header("content-encoding", "gzip").body("5").send().await;
    assert_eq!(reply.status, 400, "{reply}");
    hub.check("GET /m", "", "200 0").await;
}

/// In the original a key of 36 characters ended the process, and any other length was a 500, both before the key was asked for.
#[tokio::test]
async fn an_idempotency_key_of_any_length_ends_nothing() {
    let hub = hub().start().await;
    hub.check("POST /m", "", "201 Created").await;
    let mut expected = 0;
    for name in ["X-Idempotency-Key", "Idempotency-Key"] {
        for length in [1, 5, 35, 36, 37, 128, 4096] {
            let key = name[..1].repeat(length);
            let reply = hub.put("/m/inc").header(name, &key).send().await;
            assert!([204, 400].contains(&reply.status), "{name} {length}: {reply}");
            expected += i32::from(reply.status == 204);
            for request in ["GET /m", "POST /m", "PUT /m", "DELETE /nothing"] {
                let (method, target) = request.split_once(' ').unwrap();
                let reply = hub.request(method, target).no_key().header(name, &key).send().await;
                assert_eq!(reply.status, 401, "{request} {name} {length}: {reply}");
                let reply = hub
                    .request(method, "/nothing")
                    .header(name, &key)
                    .body("1")
                    .send()
                    .await;
                assert!(reply.status < 500, "{method} {name} {length}: {reply}");
                hub.delete("/nothing").send().await;
            }
        }
        for value in ["", "\u{e9}", "a b", "\"quoted\""] {
            let reply = hub.get("/m").header(name, value).send().await;
            assert_eq!(reply.status, 200, "{reply}");
        }
    }
    hub.check("GET /m", "", &format!("200 {expected}")).await;
}
