//! What keys use, and what they may: counted whatever becomes of a request, refused beyond the limit, kept over crashes.

use tokio::io::AsyncWriteExt;

use crate::harness::{Hub, hub, until};

const ADMIN: &str = "/api/v1/admin/usage";

/// What a key has used of one field this month.
async fn used(hub: &Hub, key: &str, field: &str) -> u64 {
    let reply = hub.get(ADMIN).send().await;
    assert_eq!(reply.status, 200, "{reply}");
    let usage = reply.json();
    let rows = usage["usage"].as_array().unwrap().iter();
    rows.filter(|row| row["key"] == key)
        .map(|row| row[field].as_u64().unwrap())
        .sum()
}

#[tokio::test]
async fn every_request_is_charged_to_its_key() {
    let hub = hub().start().await;
    let key = hub.new_key("ci", &[]).await;
    // The key was tried out until it counted.
    let before = used(&hub, "ci", "api_requests").await;
    let (egress, ingress) = (
        used(&hub, "ci", "egress_bytes").await,
        used(&hub, "ci", "ingress_bytes").await,
    );
    let mut bytes_out = 0;
    for (request, body) in [
        ("POST /m", "help"),
        ("PUT /m", "12.5"),
        ("GET /m", ""),
        ("GET /nothing", ""),
        ("PUT /m", "no number"),
        ("DELETE /m", ""),
        ("GET /__metrics", ""),
        ("GET /api/v1/admin/keys", ""),
    ] {
        let (method, target) = request.split_once(' ').unwrap();
        let reply = hub.request(method, target).key(&key).body(body).send().await;
        bytes_out += reply.body.len() as u64;
    }
    assert_eq!(used(&hub, "ci", "api_requests").await - before, 8);
    assert_eq!(used(&hub, "ci", "ingress_bytes").await - ingress, 4 + 4 + 9);
    assert_eq!(used(&hub, "ci", "egress_bytes").await - egress, bytes_out);
}

#[tokio::test]
async fn a_request_that_breaks_off_is_charged_what_flowed() {
    let hub = hub().plain().start().await;
    let key = hub.new_key("ci", &[]).await;
    let (requests, ingress) = (
        used(&hub, "ci", "api_requests").await,
        used(&hub, "ci", "ingress_bytes").await,
    );
    let mut stream = hub.connect().await;
    let half = format!(
        "POST /api/v1/batch HTTP/1.1\r\nhost: hub\r\nx-api-key: {key}\r\ncontent-length: 1000\r\n\r\n[{{\"op\":"
    );
    stream.write_all(half.as_bytes()).await.unwrap();
    drop(stream);
    until("it is charged", async || {
        (used(&hub, "ci", "api_requests").await > requests).then_some(())
    })
    .await;
    assert_eq!(used(&hub, "ci", "api_requests").await - requests, 1);
    assert_eq!(used(&hub, "ci", "ingress_bytes").await - ingress, 7);
}

#[tokio::test]
async fn a_limit_is_reached_exactly_and_not_passed() {
    let hub = hub().start().await;
    let key = hub.new_key("ci", &[]).await;
    let limits = "PUT /api/v1/admin/limits/ci";
    let before = used(&hub, "ci", "api_requests").await;
    hub.check(limits, format!("{{\"api_requests\": {}}}", before + 3), "200 …")
        .await;
    hub.put("/m/inc?__type__=counter").send().await;
    for expected in [204, 204, 204, 429, 429] {
        let reply = hub.put("/m/inc").key(&key).send().await;
        assert_eq!(reply.status, expected, "{reply}");
        if expected == 429 {
            let line = reply.line();
            assert!(line.starts_with("429 ci may not use more api_requests"), "{line}");
            let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=31 * 86_400).contains(&wait), "{wait}");
            assert_eq!(
                reply.header("ratelimit-policy"),
                Some(&*format!("\"api_requests\";q={}", before + 3))
            );
            assert_eq!(
                reply.header("ratelimit"),
                Some(&*format!("\"api_requests\";r=0;t={wait}"))
            );
        }
    }
    // What was refused is not charged, and what makes room or says how much is left is let through.
    assert_eq!(used(&hub, "ci", "api_requests").await, before + 3);
    let own = hub.get("/api/v1/usage").key(&key).send().await;
    assert_eq!(own.status, 200, "{own}");
    let own = own.json();
    assert_eq!(
        (&own["key"], &own["left"]["api_requests"], &own["refused"]),
        (&"ci".into(), &0.into(), &2.into())
    );
    assert_eq!(hub.delete("/m").key(&key).send().await.status, 204);
    // More is allowed at once when the limit is higher.
    hub.check(limits, r#"{"api_requests": 0}"#, "200 …").await;
    assert_eq!(hub.get("/nothing").key(&key).send().await.status, 404);
}

#[tokio::test]
async fn bytes_stay_within_their_limits() {
    let hub = hub().config("usage: { overrun_bytes_max: 0 }").start().await;
    let key = hub.new_key("ci", &[]).await;
    hub.put("/m?__type__=gauge").body("1").send().await;
    let ingress = used(&hub, "ci", "ingress_bytes").await;
    hub.check(
        "PUT /api/v1/admin/limits/ci",
        format!("{{\"ingress_bytes\": {}}}", ingress + 10),
        "200 …",
    )
    .await;
    for (body, expected) in [("12345", 204), ("123456", 429), ("12345", 204), ("1", 429)] {
        let reply = hub.put("/m").key(&key).body(body).send().await;
        assert_eq!(reply.status, expected, "{body}: {reply}");
    }
    hub.check("GET /m", "", "200 12345").await;
    let egress = used(&hub, "ci", "egress_bytes").await;
    hub.check(
        "PUT /api/v1/admin/limits/ci",
        format!("{{\"ingress_bytes\": 0, \"egress_bytes\": {}}}", egress + 8),
        "200 …",
    )
    .await;
    for expected in [200, 429] {
        // Its answer has five bytes.
        let reply = hub.get("/m").key(&key).send().await;
        assert_eq!(reply.status, expected, "{reply}");
    }
}

#[tokio::test]
async fn usage_outlives_a_restart_and_a_crash() {
    let mut hub = hub().start().await;
    for _ in 0..5 {
        hub.get("/nothing").send().await;
    }
    let before = used(&hub, "admin", "api_requests").await;
    hub.restart().await;
    let after = used(&hub, "admin", "api_requests").await;
    assert!(after > before && after <= before + 2, "{before} {after}");
    // The report was asked for, so what came before it is kept.
    hub.crash().await;
    let again = used(&hub, "admin", "api_requests").await;
    assert!(again >= after && again <= after + 2, "{after} {again}");
    let limits = r#"{"api_requests": 1}"#;
    hub.check("PUT /api/v1/admin/limits/admin", limits, "200 …").await;
    hub.check("GET /nothing", "", "429 …").await;
    hub.crash().await;
    hub.check("GET /nothing", "", "429 …").await;
}

#[tokio::test]
async fn months_are_asked_for_by_name() {
    let hub = hub().start().await;
    hub.get("/nothing").send().await;
    for (query, expected) in [
        ("", "200 {\"usage\":[{\"month\":\"2…\",\"key\":\"admin\",…"),
        ("?from=2020-01&to=2020-12", "200 {\"usage\":[]}"),
        ("?from=2020-13", "400 from: …\n"),
        ("?from=1000-01", "400 at most 120 months are listed at once\n"),
        ("?month=2020-01", "400 unknown parameter \"month\"…\n"),
    ] {
        hub.check(&format!("GET {ADMIN}{query}"), "", expected).await;
    }
    hub.check(
        "GET /api/v1/usage?from=2020-01&to=2020-02",
        "",
        "200 {\"key\":\"admin\",\"month\":\"…\",…\"used\":{\"api_requests\":…",
    )
    .await;
    let client = hub.new_key("client", &[]).await;
    assert_eq!(hub.get(ADMIN).key(&client).send().await.status, 403);
}

#[tokio::test]
async fn usage_is_among_the_hubs_metrics() {
    let hub = hub()
        .config("usage: { limits: { admin: { api_requests: 4 } } }")
        .start()
        .await;
    for _ in 0..4 {
        hub.get("/nothing").send().await;
    }
    let scrape = hub.new_key("prometheus", &["--scope", "scrape"]).await;
    let text = hub
        .get("/__metrics?prefix=metric_nexus_usage")
        .key(&scrape)
        .send()
        .await
        .text();
    for line in [
        "metric_nexus_usage_used{field=\"api_requests\",key=\"admin\"} ",
        "metric_nexus_usage_limit{field=\"api_requests\",key=\"admin\"} 4\n",
        "metric_nexus_usage_reached_percent{field=\"api_requests\",key=\"admin\"} 100\n",
        "metric_nexus_usage_refused_total{field=\"api_requests\",key=\"admin\"} ",
        "metric_nexus_usage_store_lost 0\n",
    ] {
        assert!(text.contains(line), "{line} {text}");
    }
}
