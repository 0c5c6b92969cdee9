//! A batch of usage that is posted again: in another form, and to the hub that follows one that was killed.

use std::{fs, io::Write as _};

use flate2::{Compression, write::GzEncoder};

use super::{
    hub::{Hub, Place},
    programs::require,
};

const EVENTS: u64 = 1_000;

/// So many events, each with more bytes than its number.
fn batch(events: u64, more: u64) -> String {
    let event = |n| {
        format!(
            "{{\"id\":\"e{n}\",\"key\":\"acme\",\"service\":\"tiles\",\"bytes_out\":{}}}\n",
            n + more
        )
    };
    (0..events).map(event).collect()
}

/// What became of the events of a file that is posted.
async fn check(hub: &Hub, file: &str, header: &str, expected: &str) {
    let body = format!("@{file}");
    let answer = hub
        .ok(&["--data-binary", &body, "-H", header], "/api/v1/usage/events")
        .await;
    let fates: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&answer).unwrap();
    let fates: Vec<String> = fates
        .into_iter()
        .filter(|(name, count)| name != "events" && count != 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    assert_eq!(fates.join(", "), expected, "{file} {header}");
}

#[tokio::test]
async fn a_batch_that_is_posted_three_times_counts_once() {
    if !require(&["curl"]) {
        return;
    }
    let place = Place::new();
    place.write("batch", &batch(EVENTS, 1));
    place.write("other", &batch(10, 2));
    let mut gzip = GzEncoder::new(fs::File::create(place.file("batch.gz")).unwrap(), Compression::fast());
    gzip.write_all(batch(EVENTS, 1).as_bytes()).unwrap();
    gzip.finish().unwrap();
    let (plain, compressed) = ("Content-Encoding: identity", "Content-Encoding: gzip");

    let hub = place.hub(&[]).await;
    check(&hub, "batch", plain, "1000 stored").await;
    check(&hub, "batch.gz", compressed, "1000 duplicate").await;
    hub.kill().await;
    let hub = place.hub(&[]).await;
    check(&hub, "batch", plain, "1000 duplicate").await;
    // Something else under ids that are known: what was first stays.
    check(&hub, "other", plain, "10 conflict").await;
    let sums = hub
        .ok(&[], "/api/v1/usage/report?format=csv&where=service=tiles&group_by=key")
        .await;
    let expected = format!("acme,{EVENTS},0,{},", (1..=EVENTS).sum::<u64>());
    assert!(sums.lines().nth(1).unwrap().starts_with(&expected), "{sums}");
    let conflicts = hub.ok(&[], "/__metrics?prefix=metric_nexus_usage_log_dropped").await;
    assert!(conflicts.contains("{reason=\"conflict\"} 10\n"), "{conflicts}");
}
