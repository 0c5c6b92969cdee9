//! Limits on bandwidth, as clients and operators meet them. How exact they are, `scripts/throttle-check` measures; here it is
//! whether bytes wait at all, whole and in order, and who never waits.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::harness::{DEADLINE, Hub, hub, until};

const THROTTLE: &str = "PUT /api/v1/admin/throttle";

/// How often bytes had to wait at a node.
async fn waits(hub: &Hub, node: &str, direction: &str) -> f64 {
    let selector = format!("metric_nexus_throttle_waits_total{{node=\"{node}\",direction=\"{direction}\"}}");
    let selector: String = selector.chars().map(|c| format!("%{:02x}", c as u32)).collect();
    let scrape = hub.get(&format!("/__metrics?match[]={selector}")).send().await.text();
    let line = scrape
        .lines()
        .find(|line| line.starts_with("metric_nexus_throttle_waits_total"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

/// A batch of so many series.
fn batch(series: usize) -> String {
    (0..series)
        .map(|n| {
            format!(
                "{{\"op\":\"set\",\"type\":\"gauge\",\"metric\":\"m\",\"labels\":{{\"n\":\"{n:05}\"}},\"value\":{n}}}\n"
            )
        })
        .collect()
}

#[tokio::test]
async fn what_is_read_waits_its_turn_and_arrives_whole() {
    for node in ["server", "connection", "keys"] {
        let hub = hub().start().await;
        let batch = batch(2_000);
        let rates = r#"{"read_bytes_per_second": 400000}"#;
        let change = match node {
            "keys" => format!(r#"{{"keys": {{"admin": {rates}}}}}"#),
            _ => format!(r#"{{"{node}": {rates}}}"#),
        };
        hub.check(THROTTLE, &change, "200 …").await;
        hub.check("POST /api/v1/batch", &batch, "200 {\"changes\":2000,…").await;
        hub.check(
            THROTTLE,
            r#"{"server": {"read_bytes_per_second": 0}, "connection": {"read_bytes_per_second": 0}}"#,
            "200 …",
        )
        .await;
        hub.check("GET /m?n=01999", "", "200 1999").await;
        let waited = waits(&hub, if node == "keys" { "key" } else { "server" }, "read").await;
        assert!(waited > 0.0, "{node}");
    }
}

#[tokio::test]
async fn what_is_written_waits_its_turn_and_arrives_whole() {
    for node in ["server", "connection", "keys"] {
        let hub = hub().start().await;
        hub.batch(batch(3_000)).await;
        let whole = hub.get("/__metrics?prefix=m").send().await;
        let rates = r#"{"write_bytes_per_second": 200000}"#;
        let change = match node {
            "keys" => format!(r#"{{"keys": {{"admin": {rates}}}}}"#),
            _ => format!(r#"{{"{node}": {rates}}}"#),
        };
        hub.check(THROTTLE, &change, "200 …").await;
        let slow = hub.get("/__metrics?prefix=m0").send().await;
        let again = hub.get("/__metrics?prefix=m").send().await;
        assert!(slow.status == 200 && again.status == 200);
        let series = |text: &str| {
            text.lines()
                .filter(|line| line.starts_with("m{"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(series(&again.text()), series(&whole.text()), "{node}");
        let waited = waits(&hub, if node == "keys" { "key" } else { "server" }, "write").await;
        assert!(waited > 0.0, "{node}");
    }
}

#[tokio::test]
async fn a_limit_of_one_byte_a_second_can_be_undone() {
    let hub = hub().start().await;
    hub.batch(batch(1_000)).await;
    let one = r#"{"read_bytes_per_second": 1, "write_bytes_per_second": 1}"#;
    let all = format!(r#"{{"server": {one}, "connection": {one}, "keys": {{"admin": {one}}}}}"#);
    hub.check(THROTTLE, &all, "200 …").await;
    // It waits, for longer than this test.
    let mut scrape = hub.connect().await;
    let request = format!("GET /__metrics HTTP/1.1\r\nhost: hub\r\nx-api-key: {}\r\n\r\n", hub.key);
    scrape.write_all(request.as_bytes()).await.unwrap();
    until("the scrape waits", async || {
        let throttle = hub.get("/api/v1/admin/throttle").send().await;
        assert_eq!(throttle.status, 200);
        let reply = hub.request("GET", "/-/ready").no_key().send().await;
        assert_eq!(reply.status, 200, "{reply}");
        Some(())
    })
    .await;
    let none = r#"{"read_bytes_per_second": 0, "write_bytes_per_second": 0}"#;
    let all = format!(r#"{{"server": {none}, "connection": {none}, "keys": {{"admin": {none}}}}}"#);
    hub.check(THROTTLE, &all, "200 …").await;
    // Whoever waited goes on at once.
    let mut begun = Vec::new();
    let rest = async {
        while !String::from_utf8_lossy(&begun).contains("00999") {
            assert!(scrape.read_buf(&mut begun).await.unwrap() > 0, "it ends early");
        }
    };
    timeout(DEADLINE, rest).await.expect("it waits still");
    assert!(begun.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn waiting_for_a_turn_is_no_timeout() {
    let hub = hub()
        .config("limits: { body_idle_timeout: 300ms, header_timeout: 300ms }\nthrottle: { connection: { read_bytes_per_second: 30000, write_bytes_per_second: 30000 } }")
        .start()
        .await;
    // A second's worth and more in both directions, in turns that may be further apart than the timeouts.
    hub.check("POST /api/v1/batch", batch(600), "200 …").await;
    let scrape = hub.get("/__metrics?prefix=m").send().await;
    assert_eq!(scrape.status, 200);
    assert!(scrape.text().contains("m{n=\"00599\"} 599\n"), "{scrape}");
}

#[tokio::test]
async fn a_second_has_so_many_requests() {
    let hub = hub()
        .config("usage: { limits: { admin: { requests_per_second: 2 } } }")
        .start()
        .await;
    let mut refused = 0;
    for _ in 0..200 {
        let reply = hub.get("/nothing").send().await;
        if reply.status == 429 {
            assert_eq!(
                reply.line(),
                "429 the key may send 2 requests a second (requests_per_second)\n"
            );
            assert_eq!(reply.header("retry-after"), Some("1"));
            refused += 1;
        }
    }
    assert!(refused > 0);
    // What undoes it is let through, however many there were.
    hub.check(
        "PUT /api/v1/admin/limits/admin",
        r#"{"requests_per_second": 0}"#,
        "200 …",
    )
    .await;
    for _ in 0..20 {
        hub.check("GET /nothing", "", "404 …").await;
    }
}
