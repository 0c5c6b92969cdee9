//! Many changes in one request: forms, order, all or nothing, and every limit on both of its sides.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use crate::harness::{Hub, fits, hub};

const BATCH: &str = "POST /api/v1/batch";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn an_array_and_lines_are_the_same() {
    let hub = hub().start().await;
    let items = [
        r#"{"op": "create", "metric": "g", "help": "A gauge."}"#,
        r#"{"op": "set", "metric": "g", "value": 5}"#,
        r#"{"op": "inc", "metric": "g"}"#,
        r#"{"op": "dec", "metric": "g", "labels": {"a": "b"}}"#,
        r#"{"op": "add", "metric": "c_total", "labels": {"queue": "mail"}, "value": 4, "type": "counter", "help": "Jobs."}"#,
        r#"{"op": "sub", "metric": "g", "value": 0.5}"#,
        r#"{"op": "observe", "metric": "h", "value": 0.5, "buckets": [0.1, 1]}"#,
        r#"{"op": "merge", "metric": "h", "counts": [1, 2, 3], "sum": 12.5}"#,
        r#"{"op": "set", "metric": "nan", "value": "NaN", "type": "gauge"}"#,
    ];
    let made = r#"200 {"changes":9,"created":5,"deleted":0}"#;
    for (body, expected) in [
        (format!("[{}]", items.join(",")), made),
        (items.join("\n"), r#"200 {"changes":9,"created":0,"deleted":0}"#),
        (
            format!("\n\n {} \r\n\n", items.join("\r\n\r\n")),
            r#"200 {"changes":9,"created":0,"deleted":0}"#,
        ),
        (items.concat(), r#"200 {"changes":9,"created":0,"deleted":0}"#),
        ("[]".to_owned(), r#"200 {"changes":0,"created":0,"deleted":0}"#),
        (String::new(), r#"200 {"changes":0,"created":0,"deleted":0}"#),
    ] {
        hub.check(BATCH, body, expected).await;
    }
    hub.check("GET /g", "", "200 5.5").await;
    hub.check("GET /g?a=b", "", "200 -4").await;
    hub.check("GET /c_total?queue=mail", "", "200 16").await;
    hub.check("GET /nan", "", "200 NaN").await;
    let histogram = &hub.get("/api/v1/series?match[]=h").send().await.json()["series"][0]["histogram"];
    assert_eq!(
        *histogram,
        json!({"buckets": [{"le": "0.1", "count": 4}, {"le": "1.0", "count": 16}, {"le": "+Inf", "count": 28}], "sum": 52.0, "count": 28})
    );
}

#[tokio::test]
async fn bodies_may_be_compressed() {
    let hub = hub().start().await;
    let body = br#"{"op": "inc", "metric": "g", "type": "gauge"}"#;
    for (encoding, body) in [
        ("gzip", gzip(body)),
        ("GZip", gzip(body)),
        ("x-gzip", gzip(body)),
        ("gzip", [gzip(&body[..9]), gzip(&body[9..])].concat()),
        ("zstd", zstd::encode_all(&body[..], 3).unwrap()),
        ("identity", body.to_vec()),
    ] {
        let request = hub.post("/api/v1/batch").header("content-encoding", encoding);
        let reply = request.header("content-type", "text/html").body(&body).send().await;
        assert_eq!(reply.status, 200, "{encoding}: {reply}");
        for cut in [1, body.len() / 2, body.len() - 1] {
            let request = hub.post("/api/v1/batch").header("content-encoding", encoding);
            let reply = request.body(&body[..cut]).send().await;
            assert_eq!(reply.status, 400, "{encoding} {cut}: {reply}");
        }
    }
    let reply = hub
        .put("/g/add")
        .header("content-encoding", "gzip")
        .body(gzip(b"4\n"))
        .send()
        .await;
    assert_eq!(reply.line(), "204");
    hub.check("GET /g", "", "200 10").await;
}

#[tokio::test]
async fn bad_items_are_named_and_nothing_is_changed() {
    let hub = hub().start().await;
    hub.batch(r#"[{"op":"create","metric":"g"},{"op":"create","metric":"c","type":"counter"},{"op":"create","metric":"h","type":"histogram","buckets":[1]}]"#)
        .await;
    let good = r#"{"op":"inc","metric":"g"}"#;
    let two = |bad: &str| format!("[{good},{bad}]");
    for (bad, expected) in [
        (r#"{"op":"set","metric":"g"}"#, "400 …item 1: set needs \"value\"\n"),
        (
            r#"{"op":"inc","metric":"g","value":1}"#,
            "400 …item 1: inc takes no \"value\"\n",
        ),
        (
            r#"{"op":"inc","metric":""}"#,
            "400 …item 1: a metric name must not be empty\n",
        ),
        (
            r#"{"op":"inc","metric":"g","labels":{"__x":"1"}}"#,
            "400 …item 1: label name \"__x\" is reserved…\n",
        ),
        (
            r#"{"op":"inc","metric":"g","labels":{"a":"1","a":"2"}}"#,
            "400 …item 1: label \"a\" is given more than once\n",
        ),
        (
            r#"{"op":"inc","metric":"g","type":"thing"}"#,
            "400 …item 1: unknown type \"thing\"…\n",
        ),
        (r#"{"op":"inc"}"#, "400 …item 1…metric…\n"),
        (r#"{"metric":"g"}"#, "400 …item 1…op…\n"),
        (r#"{"op":"explode","metric":"g"}"#, "400 …item 1…explode…\n"),
        (r#"{"op":"inc","metric":"g","colour":"red"}"#, "400 …item 1…colour…\n"),
        (r#"{"op":"set","metric":"g","value":"five"}"#, "400 …item 1…\"five\"…\n"),
        (
            r#"{"op":"set","metric":"g","value":1e400}"#,
            "400 …item 1…out of range…\n",
        ),
        (r#"{"op":"set","metric":"g","value":null}"#, "400 …item 1…\n"),
        (r#"{"op":"inc","metric":"g","labels":{"code":null}}"#, "400 …item 1…"),
        (r#"["inc","g"]"#, "400 …item 1…an object…"),
        (
            r#"{"op":"observe","metric":"h","value":1,"buckets":[2,1]}"#,
            "400 …item 1: bucket bounds must rise…\n",
        ),
        ("5", "400 …item 1…\n"),
        ("null", "400 …item 1…\n"),
        (
            r#"{"op":"inc","metric":"missing"}"#,
            "404 …item 1: there is no metric missing\n",
        ),
        (
            r#"{"op":"delete","metric":"missing"}"#,
            "404 …item 1: there is no metric missing\n",
        ),
        (
            r#"{"op":"delete","metric":"g","labels":{"a":"b"}}"#,
            "404 …item 1: there is no series g{a=\"b\"}\n",
        ),
        (
            r#"{"op":"observe","metric":"g","value":1}"#,
            "409 …item 1: g is a gauge…\n",
        ),
        (
            r#"{"op":"inc","metric":"g","type":"counter"}"#,
            "409 …item 1: g is a gauge…\n",
        ),
        (
            r#"{"op":"dec","metric":"c"}"#,
            "409 …item 1: counter c cannot go down from 0 to -1\n",
        ),
        (
            r#"{"op":"create","metric":"h_sum"}"#,
            "409 …item 1: h_sum would expose h_sum…\n",
        ),
        (
            r#"{"op":"merge","metric":"h","counts":[1],"sum":1}"#,
            "409 …item 1: h has other buckets\n",
        ),
        (
            r#"{"op":"set","metric":"c","value":"NaN"}"#,
            "400 …item 1: c: NaN is not a finite number…\n",
        ),
        (
            r#"{"op":"merge","metric":"h","counts":[1,1],"sum":"+Inf"}"#,
            "400 …item 1: h: +Inf is not a finite number…\n",
        ),
        (
            r#"{"op":"merge","metric":"h","counts":[1,-1],"sum":1}"#,
            "400 …item 1…\n",
        ),
        (
            r#"{"op":"inc","metric":"g","labels":{"le":"1"}}"#,
            "400 …item 1: label \"le\" is reserved…\n",
        ),
        (
            r#"{"op":"create","metric":"metric_nexus_x"}"#,
            "403 …item 1: metric_nexus_x is reserved…\n",
        ),
        (
            r#"{"op":"set","metric":"metric_nexus_clients","value":1}"#,
            "403 …item 1: metric_nexus_clients is reserved…\n",
        ),
        (r#"{"op":"create","metric":"__x"}"#, "400 …item 1: __x is reserved…\n"),
        (
            r#"{"op":"create","metric":"s","type":"summary"}"#,
            "400 …item 1: s cannot be of type summary…\n",
        ),
    ] {
        let lines = format!("{good}\n{bad}");
        for body in [two(bad), lines] {
            let reply = hub.post("/api/v1/batch").body(&body).send().await;
            assert!(fits(&reply.line(), expected), "{body}: {reply} instead of {expected}");
        }
    }
    for body in [
        "nonsense",
        "{",
        "[",
        "[1,",
        "[]]",
        "\"text\"",
        "[{\"op\":\"inc\",\"metric\":\"g\"}",
        "[\u{0}]",
    ] {
        hub.check(BATCH, body, "400 …\nitem …\n").await;
    }
    hub.check(BATCH, b"[\xff]", "400 …\nitem 0…\n").await;
    hub.check("GET /g", "", "200 0").await;
    hub.check("GET /c", "", "200 0").await;
}

#[tokio::test]
async fn all_bad_items_are_listed() {
    let hub = hub().start().await;
    hub.check("POST /g", "", "201 Created").await;
    let ask = async |body: &str| {
        let request = hub.post("/api/v1/batch").header("accept", "application/json");
        request.body(body).send().await.json()
    };
    let bad = r#"[{"op":"set","metric":"g"},{"op":"inc","metric":"g"},{"op":"inc","metric":""}]"#;
    let problem = ask(bad).await;
    assert_eq!(problem["status"], 400);
    assert_eq!(problem["detail"], "2 of the items are wrong; nothing was changed");
    let errors = |problem: &serde_json::Value| {
        let errors = problem["errors"].as_array().unwrap().iter();
        errors.map(|error| error["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(errors(&problem), [0, 2]);
    assert_eq!(problem["errors"][0]["type"], "urn:metric-nexus:problem:bad-item");

    let refused = r#"[{"op":"inc","metric":"g"},{"op":"inc","metric":"x"},{"op":"observe","metric":"g","value":1}]"#;
    let problem = ask(refused).await;
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["detail"], "2 of the changes cannot be; nothing was changed");
    assert_eq!(errors(&problem), [1, 2]);
    assert_eq!(problem["errors"][1]["type"], "urn:metric-nexus:problem:kind-conflict");

    let many = [r#"{"op":"inc","metric":"x"}"#; 250].join("\n");
    assert_eq!(errors(&ask(&many).await).len(), 100);
    let many = [r#"{"op":"set","metric":"x"}"#; 250].join("\n");
    assert_eq!(errors(&ask(&many).await).len(), 100);
    hub.check("GET /g", "", "200 0").await;
}

#[tokio::test]
async fn changes_happen_in_their_order() {
    let hub = hub().start().await;
    hub.batch(
        r#"[{"op":"set","metric":"a","value":5,"type":"gauge"},
            {"op":"delete","metric":"a"},
            {"op":"inc","metric":"a","type":"counter"},
            {"op":"inc","metric":"a","labels":{"x":"y"}},
            {"op":"inc","metric":"a","labels":{"x":"z"}},
            {"op":"delete","metric":"a","labels":{"x":"y"}},
            {"op":"create","metric":"b"},
            {"op":"delete","metric":"b"}]"#,
    )
    .await;
    hub.check("GET /a", "", "200 1").await;
    hub.check("GET /a?x=y", "", "404 …").await;
    hub.check("GET /a?x=z", "", "200 1").await;
    hub.check("GET /b", "", "404 …").await;
    hub.check("PUT /a/dec", "", "409 …").await;
    // A counter that goes down within the batch is seen.
    let down = r#"[{"op":"add","metric":"a","value":5},{"op":"set","metric":"a","value":3}]"#;
    hub.check(BATCH, down, "409 …item 1: counter a cannot go down from 6 to 3\n")
        .await;
    let reset = r#"[{"op":"delete","metric":"a"},{"op":"set","metric":"a","value":0,"type":"counter"}]"#;
    hub.check(BATCH, reset, r#"200 {"changes":2,"created":1,"deleted":2}"#)
        .await;
    let late = r#"[{"op":"inc","metric":"n"},{"op":"create","metric":"n"}]"#;
    hub.check(BATCH, late, "404 …item 0: there is no metric n\n").await;
}

const LIMITS: &str = "
limits:
  body_bytes_max: 1000
  body_decompressed_bytes_max: 2000
  changes_per_request_max: 3
  labels_per_series_max: 2
  name_bytes_max: 10
  value_bytes_max: 5
  help_bytes_max: 8
";

/// One row: what is sent is taken; one more of it is refused, naming limit and setting.
async fn both_sides(hub: &Hub, taken: String, refused: String, expected: &str) {
    hub.check(BATCH, &taken, "200 …").await;
    hub.check(BATCH, &refused, expected).await;
}

#[tokio::test]
async fn every_limit_of_a_request_holds_on_both_sides() {
    let hub = hub().config(LIMITS).start().await;
    let create = |name: &str, more: &str| format!(r#"{{"op":"create","metric":"{name}"{more}}}"#);
    let labels = |labels: &str| create("m", &format!(r#","labels":{{{labels}}}"#));
    both_sides(
        &hub,
        create("a123456789", ""),
        create("a1234567890", ""),
        "422 …the metric's name is over the limit of 10 (limits.name_bytes_max)\n",
    )
    .await;
    both_sides(
        &hub,
        create("éééé1", r#","type":"gauge""#),
        create("éééé123", ""),
        "422 …over the limit of 10 (limits.name_bytes_max)\n",
    )
    .await;
    both_sides(
        &hub,
        labels(r#""a123456789":"1""#),
        labels(r#""a1234567890":"1""#),
        "422 …label name \"a1234567890\" is over the limit of 10 (limits.name_bytes_max)\n",
    )
    .await;
    both_sides(
        &hub,
        labels(r#""a":"12345""#),
        labels(r#""a":"123456""#),
        "422 …the value of label \"a\" is over the limit of 5 (limits.value_bytes_max)\n",
    )
    .await;
    both_sides(
        &hub,
        labels(r#""a":"1","b":"2""#),
        labels(r#""a":"1","b":"2","c":"3""#),
        "422 …the number of labels is over the limit of 2 (limits.labels_per_series_max)\n",
    )
    .await;
    both_sides(
        &hub,
        create("helped", r#","help":"12345678""#),
        create("other", r#","help":"123456789""#),
        "422 …the help text is over the limit of 8 (limits.help_bytes_max)\n",
    )
    .await;
    let change = r#"{"op":"inc","metric":"m"}"#;
    for separator in ["\n", ","] {
        let body = |count| match separator {
            "," => format!("[{}]", vec![change; count].join(separator)),
            _ => vec![change; count].join(separator),
        };
        both_sides(
            &hub,
            body(3),
            body(4),
            "413 more than 3 changes in one request (limits.changes_per_request_max)\n",
        )
        .await;
    }
    // The simple paths have the same limits.
    hub.check("POST /a1234567890", "", "422 the metric's name is over…\n")
        .await;
    hub.check("POST /x?a=123456", "", "422 the value of label…\n").await;
    hub.check("POST /x", "123456789", "422 the help text is over…\n").await;
    hub.check("DELETE /a1234567890", "", "422 the metric's name is over…\n")
        .await;
}

#[tokio::test]
async fn a_body_has_a_limit_before_and_after_it_is_decompressed() {
    let hub = hub().config(LIMITS).start().await;
    hub.check("POST /m", "", "201 Created").await;
    let sent = "413 the body is over the limit of 1000 bytes (limits.body_bytes_max)\n";
    let decompressed = "413 the body is over the limit of 2000 bytes (limits.body_decompressed_bytes_max)\n";
    let padded = |length: usize| format!("5{}", " ".repeat(length - 1)).into_bytes();
    hub.check("PUT /m", padded(1000), "204").await;
    hub.check("PUT /m", padded(1001), sent).await;
    hub.check("PUT /m", padded(5_000_000), sent).await;
    for (encoding, compress) in [
        ("gzip", gzip as fn(&[u8]) -> Vec<u8>),
        ("zstd", |bytes| zstd::encode_all(bytes, 1).unwrap()),
    ] {
        for (length, expected) in [(2000, "204"), (2001, decompressed), (50_000_000, decompressed)] {
            let body = compress(&padded(length));
            // A bomb that is too large as it arrives is stopped sooner.
            let expected = if body.len() > 1000 { sent } else { expected };
            let reply = hub
                .put("/m")
                .header("content-encoding", encoding)
                .body(&body)
                .send()
                .await;
            assert_eq!(reply.line(), expected, "{encoding} {length}");
        }
    }
    // Chunks announce no length.
    for (length, expected) in [(1000, "HTTP/1.1 204"), (1001, "HTTP/1.1 413")] {
        let head = format!(
            "PUT /m HTTP/1.1\r\nhost: hub\r\nx-api-key: {}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n",
            hub.key
        );
        let request = [head.as_bytes(), &padded(length), b"\r\n0\r\n\r\n"].concat();
        let reply = String::from_utf8(hub.exchange(&request).await).unwrap();
        assert!(reply.starts_with(expected), "{length}: {reply}");
    }
}

#[tokio::test]
async fn a_key_has_a_limit_of_series_and_so_has_the_hub() {
    let keys = "keys: [{name: one, key: one-0123456789abcdef}, {name: two, key: two-0123456789abcdef}]";
    let limits = "limits: {series_per_key_max: 3, series_max: 5}";
    let hub = hub()
        .config(&format!("{keys}\n{limits}"))
        .key("one-0123456789abcdef")
        .start()
        .await;
    let over_key = "the number of series of key \"one\" is over the limit of 3 (limits.series_per_key_max)\n";
    let over_hub = "the number of series is over the limit of 5 (limits.series_max)\n";
    let two = async |target: &str| hub.put(target).key("two-0123456789abcdef").send().await.line();
    let four = r#"{"op":"inc","metric":"m","type":"gauge"}{"op":"inc","metric":"m","labels":{"n":"1"}}
        {"op":"inc","metric":"m","labels":{"n":"2"}}{"op":"inc","metric":"m","labels":{"n":"3"}}"#;
    hub.check(BATCH, four, &format!("429 …item 3: {over_key}")).await;
    hub.check("GET /m", "", "404 …").await;
    hub.check("POST /m?n=1", "", "201 Created").await;
    hub.check("PUT /m/inc?n=2", "", "204").await;
    hub.check("POST /other", "", "201 Created").await;
    hub.check("POST /more", "", &format!("429 {over_key}")).await;
    hub.check("PUT /m/inc?n=3", "", &format!("429 {over_key}")).await;
    hub.check("PUT /m/inc?n=2", "", "204").await;
    assert_eq!(two("/m/inc?n=3").await, "204");
    // Who writes to a series does not own it.
    hub.check("PUT /m/inc?n=3", "", "204").await;
    assert_eq!(two("/m/inc?n=4").await, "204");
    assert_eq!(two("/m/inc?n=5").await, format!("429 {over_hub}"));
    hub.check("DELETE /m?n=1", "", "204").await;
    hub.check("POST /more", "", "201 Created").await;
    hub.check("GET /api/v1/hub", "", "200 …\"series\":5,\"own_series\":3,…")
        .await;
}

#[tokio::test]
async fn the_limit_of_families_holds_on_both_sides_and_over_a_restart() {
    let mut hub = hub()
        .config("limits: {families_max: 2, series_per_key_max: 3}")
        .start()
        .await;
    hub.check("POST /a", "", "201 Created").await;
    let two = r#"[{"op":"create","metric":"b"},{"op":"create","metric":"c"}]"#;
    let over = "the number of metrics is over the limit of 2 (limits.families_max)\n";
    hub.check(BATCH, two, &format!("429 …item 1: {over}")).await;
    hub.check("POST /b", "", "201 Created").await;
    for restarts in 0..3 {
        hub.check("POST /c", "", &format!("429 {over}")).await;
        hub.check("PUT /a/inc?x=1", "", "204").await;
        hub.check("PUT /a/inc?x=2", "", "429 …(limits.series_per_key_max)\n")
            .await;
        if restarts == 0 {
            hub.crash().await;
        } else {
            hub.restart().await;
        }
    }
    hub.check("DELETE /a?x=1", "", "204").await;
    let swap = r#"[{"op":"delete","metric":"b"},{"op":"create","metric":"c"}]"#;
    hub.check(BATCH, swap, "200 …").await;
}

const EACH: &str = "POST /api/v1/batch?mode=each";

#[tokio::test]
async fn of_changes_that_may_happen_without_each_other_those_that_can_do() {
    let hub = hub().config("limits: { name_bytes_max: 20 }").start().await;
    hub.check(BATCH, r#"{"op": "create", "metric": "t_gauge"}"#, "200 …")
        .await;
    let key = hub.new_key("team", &["--scope", "write", "--prefix", "t_"]).await;
    let body = [
        r#"{"op": "inc", "metric": "elsewhere", "type": "gauge"}"#,
        r#"{"op": "add", "metric": "t_total", "value": 2, "type": "counter"}"#,
        r#"{"op": "inc", "metric": "t_a_name_that_is_too_long", "type": "gauge"}"#,
        r#"{"op": "observe", "metric": "t_gauge", "value": 1}"#,
        r#"{"op": "inc", "metric": "t_total"}"#,
    ]
    .join("\n");
    let send = async |target: &str, body: &str| {
        let request = hub.post(target).key(&key).body(body).header("idempotency-key", "once");
        request.send().await
    };
    let first = send("/api/v1/batch?mode=each", &body).await;
    assert_eq!(first.status, 200, "{first}");
    let done = first.json();
    let counts = ["changes", "created", "deleted", "refused"].map(|field| done[field].as_u64());
    assert_eq!(counts, [Some(2), Some(1), Some(0), Some(3)], "{first}");
    let errors = done["errors"].as_array().unwrap();
    let errors: Vec<String> = errors
        .iter()
        .map(|error| format!("{} {}", error["index"], error["detail"].as_str().unwrap()))
        .collect();
    for (error, expected) in errors.iter().zip([
        "0 the key team is only for metrics whose names begin with t_",
        "2 the metric's name is over the limit of 20 (limits.name_bytes_max)",
        "3 t_gauge is a gauge: …",
    ]) {
        assert!(fits(error, expected), "{errors:?}");
    }
    assert_eq!(errors.len(), 3, "{errors:?}");
    hub.check("GET /t_total", "", "200 3").await;
    // A repeat counts once, and knows how many were refused.
    let again = send("/api/v1/batch?mode=each", &body).await;
    assert_eq!(again.text(), r#"{"changes":2,"created":1,"deleted":0,"refused":3}"#);
    hub.check("GET /t_total", "", "200 3").await;
    // Under the other mode nothing happens, since the key may not make some of them.
    let refused = send("/api/v1/batch", &body).await;
    assert_eq!(refused.status, 403, "{refused}");
    // Other changes are another request.
    let good = r#"{"op": "inc", "metric": "t_total"}"#;
    assert_eq!(send("/api/v1/batch?mode=each", good).await.status, 422);
}

#[tokio::test]
async fn a_mode_is_all_or_each() {
    let hub = hub().start().await;
    let good = r#"{"op": "inc", "metric": "g", "type": "gauge"}"#;
    let bad = r#"{"op": "inc", "metric": "missing"}"#;
    for (request, body, expected) in [
        (EACH, good, r#"200 {"changes":1,"created":1,"deleted":0,"refused":0}"#),
        (
            "POST /api/v1/batch?mode=all",
            good,
            r#"200 {"changes":1,"created":0,"deleted":0}"#,
        ),
        // That none could be is an answer like others; so is an item that is no change.
        (
            EACH,
            bad,
            r#"200 {"changes":0,"created":0,"deleted":0,"refused":1,"errors":[{"index":0,"type":"urn:metric-nexus:problem:unknown-metric","detail":"there is no metric missing"}]}"#,
        ),
        (
            EACH,
            r#"[{"op": "explode", "metric": "g"}, {"op": "inc", "metric": "g"}, {"op": "set", "metric": "g"}, {"op": "inc", "metric": "missing"}, 7]"#,
            r#"200 {"changes":1,"created":0,"deleted":0,"refused":4,"errors":[{"index":0,"type":"urn:metric-nexus:problem:bad-item","detail":"op: unknown variant `explode`, …"},{"index":2,…"detail":"set needs \"value\""},{"index":3,…"detail":"there is no metric missing"},{"index":4,…}]}"#,
        ),
        (
            EACH,
            "7",
            r#"200 {"changes":0,"created":0,"deleted":0,"refused":1,"errors":[…]}"#,
        ),
        (EACH, "[]", r#"200 {"changes":0,"created":0,"deleted":0,"refused":0}"#),
        // What is no JSON is refused whole.
        (
            EACH,
            "{\"op\": \"inc\", \"metric\": \"g\"}\n{\"op\"",
            "400 the body cannot be read beyond one of its items; nothing was changed\nitem 1: EOF …\n",
        ),
        (
            "POST /api/v1/batch?mode=some",
            good,
            "400 mode \"some\" is neither all nor each\n",
        ),
        (
            "POST /api/v1/batch?mode=all&mode=each",
            good,
            "400 parameter mode is given more than once\n",
        ),
    ] {
        hub.check(request, body, expected).await;
    }
}

#[tokio::test]
async fn values_are_taken_however_a_language_writes_them() {
    let hub = hub().start().await;
    // Numbers and truth values as labels, doubles as counts, and a byte order mark before all of it.
    let body = "\u{feff}[{\"op\":\"inc\",\"metric\":\"a\",\"type\":\"counter\",\"labels\":{\"code\":200,\"ok\":true}},\
        {\"op\":\"merge\",\"metric\":\"h\",\"counts\":[1.0,2],\"sum\":3,\"buckets\":[1]}]";
    hub.batch(body).await;
    hub.check("GET /a?code=200&ok=true", "", "200 1").await;
    hub.check("GET /__metrics?prefix=h", "", "200 …h_count 3…").await;
    hub.check("PUT /a/add?code=200&ok=true", "\u{feff}4\n", "204").await;
    hub.check("GET /a?code=200&ok=true", "", "200 5").await;
}
