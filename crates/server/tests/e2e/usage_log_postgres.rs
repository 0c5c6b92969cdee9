//! Two hubs that store who asked for what in one real PostgreSQL, whatever becomes of it and of them.

use nexus_test_servers::PostgresServer;
use tokio::time::{Duration, Instant, sleep};

use super::{
    hub::{Hub, Place},
    programs::{DEADLINE, require},
};

const KEY: &str = "a key that both hubs know";
const ADMIN: &str = "the key of their operator";
const ARGUMENTS: [&str; 2] = ["--config", "config.yaml"];
/// Calls and bytes of the one key that the test asks with.
const REPORT: &str = "/api/v1/usage/report?group_by=key&where=key=team&format=csv";

async fn hub(url: &str) -> Hub {
    let place = Place::new();
    let text = format!(
        "keys: [{{name: team, key: {KEY}}}, {{name: admin, key: {ADMIN}, scopes: [read, scrape, admin]}}]\n\
         usage_log: {{ store: {{ postgres: {{ url: '{url}' }} }} }}"
    );
    std::fs::create_dir_all(place.file("state")).unwrap();
    place.write("state/admin.key", ADMIN);
    place.write("config.yaml", &text);
    place.hub(&ARGUMENTS).await
}

/// Sends so many requests, each of which must be answered.
async fn requests(hub: &Hub, count: usize) -> u64 {
    let answered = hub.place.unknown_metric(&hub.url, KEY, count).await;
    assert_eq!(answered, count);
    count as u64
}

/// The calls that a report in CSV has.
fn calls(csv: &str) -> u64 {
    let row = csv.lines().nth(1);
    row.map_or(0, |row| row.split(',').nth(1).unwrap().parse().unwrap())
}

/// Asks until the calls are as many; never more.
async fn reports(hub: &Hub, expected: u64) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let (status, body) = hub.curl(&[], REPORT).await;
        let found = if status == 200 { calls(&body) } else { 0 };
        assert!(found <= expected, "{found} of {expected} calls: some are counted twice");
        if found == expected {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{found} of {expected} calls, {status}: {body}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_hubs_store_in_postgres_is_whole_after_it_and_they_were_killed() {
    if !require(&[PostgresServer::PROGRAMS, &["curl"]].concat()) {
        return;
    }
    let mut postgres = PostgresServer::start();
    let database = postgres.database();
    let url = postgres.url(&database);
    let (one, other) = (hub(&url).await, hub(&url).await);
    let mut sent = requests(&one, 30).await + requests(&other, 12).await;
    reports(&one, sent).await;
    reports(&other, sent).await;
    assert!(!one.place.file("state/usage-log.db").exists());

    postgres.kill();
    // Requests go on as if nothing had happened; nobody can be told what they were.
    sent += requests(&one, 10).await + requests(&other, 11).await;
    for hub in [&one, &other] {
        // By then it has waited for the store, and all that came is on disk for long.
        let (status, body) = hub.curl(&[], REPORT).await;
        assert_eq!(status, 503, "{body}");
    }
    // One ends in order, one is killed; both start without the database, and go on.
    let places = (one.place.clone(), other.place.clone());
    one.stop().await;
    other.kill().await;
    let (one, other) = (places.0.hub(&ARGUMENTS).await, places.1.hub(&ARGUMENTS).await);
    sent += requests(&one, 3).await + requests(&other, 4).await;
    postgres.start_again();
    reports(&one, sent).await;
    reports(&other, sent).await;

    // The command says the same, and so does SQL over the records.
    let asked = [
        "usage",
        "report",
        "--config",
        "config.yaml",
        "--group-by",
        "key",
        "--where",
        "key=team",
        "--format",
        "csv",
    ];
    assert_eq!(calls(&one.place.run(&asked).await.ok()), sent);
    let records = "SELECT sum(calls) FROM nexus_usage_log_records WHERE key = 'team'";
    assert_eq!(postgres.sql(&database, records), sent.to_string());
    one.stop().await;
    other.stop().await;
}
