//! Two hubs that share limits and usage in a real Redis, whatever becomes of it and of them.

use std::{net::TcpListener, process::Stdio};

use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Duration, Instant, sleep},
};

use super::{
    hub::{Hub, Place},
    programs::{DEADLINE, require},
};

const KEY: &str = "a key that both hubs know";
const ADMIN: &str = "the key of their operator";

/// A Redis that keeps nothing. Dropping it kills it.
struct Redis {
    port: u16,
    directory: TempDir,
    server: Option<Child>,
}

impl Redis {
    /// One that is to be started; nobody listens there now.
    fn on_free_port() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Redis {
            port,
            directory: tempfile::tempdir().unwrap(),
            server: None,
        }
    }

    async fn start(&mut self) {
        let mut server = Command::new("redis-server");
        server.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        server
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        self.server = Some(server.kill_on_drop(true).spawn().unwrap());
        until("Redis listens", async || {
            TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
        })
        .await;
    }

    /// `kill -9`: everything that it held is gone.
    async fn kill(&mut self) {
        self.server.take().unwrap().kill().await.unwrap();
    }

    /// A hub that shares its usage here.
    async fn hub(&self, usage: &str) -> Hub {
        let place = Place::new();
        place.hub(&["--config", &self.config(&place, usage)]).await
    }

    fn config(&self, place: &Place, usage: &str) -> String {
        let text = format!(
            "keys: [{{name: team, key: {KEY}}}, {{name: admin, key: {ADMIN}, scopes: [read, scrape, admin]}}]\n\
             usage: {{ {usage}, shared: {{ probe_interval: 100ms, redis: {{ addresses: ['127.0.0.1:{}'] }} }} }}",
            self.port
        );
        std::fs::create_dir_all(place.file("state")).unwrap();
        place.write("state/admin.key", ADMIN);
        place.write("config.yaml", &text)
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "it never came: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Sends so many requests of the shared key; how many of them were not refused.
async fn requests(hub: &Hub, count: usize) -> usize {
    hub.place.unknown_metric(&hub.url, KEY, count).await
}

/// What the key has used, by all hubs, as this one reports it.
async fn used(hub: &Hub) -> u64 {
    let (status, body) = hub.curl(&[], "/api/v1/admin/usage").await;
    if status != 200 {
        return u64::MAX;
    }
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    let rows = report["usage"].as_array().unwrap();
    let row = rows.iter().find(|row| row["key"] == "team");
    row.map_or(0, |row| row["api_requests"].as_u64().unwrap())
}

#[tokio::test]
async fn two_hubs_with_leases_admit_exactly_the_limit() {
    if !require(&["redis-server", "curl"]) {
        return;
    }
    let mut redis = Redis::on_free_port();
    redis.start().await;
    let usage = "mode: lease, limits: { team: { api_requests: 100 } }";
    let hubs = [redis.hub(usage).await, redis.hub(usage).await];
    let workers = hubs.iter().cycle().take(8).map(|hub| requests(hub, 20));
    let mut admitted: usize = join_all(workers).await.into_iter().sum();
    // What a hub had leased and not used is used up by those who come later.
    until("the limit is reached", async || {
        assert!(admitted <= 100, "{admitted}");
        for hub in &hubs {
            admitted += requests(hub, 1).await;
        }
        admitted >= 100
    })
    .await;
    for hub in &hubs {
        admitted += requests(hub, 5).await;
    }
    assert_eq!(admitted, 100);
    // Within a push interval each knows what the other admitted.
    until("both know of all", async || {
        used(&hubs[0]).await == 100 && used(&hubs[1]).await == 100
    })
    .await;
    for hub in hubs {
        hub.stop().await;
    }
}

#[tokio::test]
async fn usage_is_whole_after_redis_and_hubs_were_killed() {
    if !require(&["redis-server", "curl"]) {
        return;
    }
    let mut redis = Redis::on_free_port();
    redis.start().await;
    let (one, other) = (redis.hub("mode: exact").await, redis.hub("mode: exact").await);
    let mut sent = 0;
    for (hub, count) in [(&one, 30), (&other, 12), (&one, 5)] {
        sent += requests(hub, count).await as u64;
    }
    until("each sees both", async || {
        used(&one).await == sent && used(&other).await == sent
    })
    .await;
    redis.kill().await;
    // Requests go on as if nothing had happened.
    sent += requests(&one, 10).await as u64;
    sent += requests(&other, 10).await as u64;
    redis.start().await;
    until("what Redis had lost is told again", async || used(&other).await == sent).await;
    let place = one.place.clone();
    // What is reported is kept, so the kill loses nothing of it.
    one.kill().await;
    let one = place.hub(&["--config", "config.yaml"]).await;
    sent += requests(&one, 7).await as u64;
    until("all of it is there", async || {
        used(&one).await == sent && used(&other).await == sent
    })
    .await;
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_store_that_is_not_there_is_an_error_at_the_start_unless_it_is_not_required() {
    if !require(&["redis-server", "curl"]) {
        return;
    }
    let mut redis = Redis::on_free_port();
    let place = Place::new();
    let config = redis.config(&place, "mode: exact");
    let said = place
        .run(&["serve", "--listen", "127.0.0.1:0", "--config", &config])
        .await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains("usage.shared") && said.err.contains("required: false"),
        "{said:?}"
    );

    let text = std::fs::read_to_string(&config)
        .unwrap()
        .replace("shared: {", "shared: { required: false,");
    std::fs::write(&config, text).unwrap();
    let hub = place.hub(&["--config", &config]).await;
    let lost = async || hub.ok(&[], "/__metrics?prefix=metric_nexus_usage_store_lost").await;
    assert!(lost().await.contains("metric_nexus_usage_store_lost 1\n"));
    assert_eq!(requests(&hub, 3).await, 3);
    redis.start().await;
    until("it is found", async || {
        lost().await.contains("metric_nexus_usage_store_lost 0\n")
    })
    .await;
    until("it is told", async || used(&hub).await == 3).await;
    hub.stop().await;
}
