//! Workers and the hub are killed while requests come in. With the hub its usage log in SQLite dies.

use super::{
    configuration::Queue,
    eventually, has_nginx,
    hub::{FILE, LUA, Metered},
    load::Load,
    requests,
    seconds::{differ, total},
    server::Nginx,
    so,
    wrk::Wrk,
};

const ROUNDS: u64 = 3;
/// One before the hub, one while it is gone.
const WORKERS_KILLED: u64 = 2 * ROUNDS;

#[tokio::test(flavor = "multi_thread")]
async fn killed_workers_and_killed_hubs_cost_at_most_the_requests_that_were_being_logged() {
    if !has_nginx(&["wrk"]) {
        return;
    }
    let mut hub = Metered::start().await;
    let nginx = Nginx::start(&hub, Queue::Ample).await;
    let load = Wrk::start(&hub.place, nginx.port);
    let step = requests() / (2 * ROUNDS + 1);
    for round in 0..ROUNDS {
        nginx.has_logged(step * (2 * round + 1)).await;
        nginx.kill_worker().await;
        hub.kill().await;
        // A worker dies also while the hub is gone, its events in the queue.
        nginx.has_logged(step * (2 * round + 2)).await;
        nginx.kill_worker().await;
        hub.restart().await;
    }
    nginx.has_logged(requests()).await;
    load.end(&hub.place).await;
    // Nobody is being logged now: whatever waits is in the queue.
    hub.kill().await;
    let last = Load::start_paced(&nginx, 20).end().await;
    assert_eq!(last.calls, 20);
    nginx.kill_worker().await;
    hub.restart().await;
    eventually("all that waits is posted", async || {
        let stats = nginx.stats().await;
        so(stats["waiting"] == 0, stats)
    })
    .await;
    assert_eq!(nginx.stats().await["dropped_full"], 0, "the queue was full");
    nginx.quit().await;
    let own = nginx.own_log();
    let (calls, bytes) = total(&own);
    for source in [LUA, FILE] {
        hub.has(source, calls - WORKERS_KILLED).await;
    }
    hub.caught_up().await;
    let sources = hub.sources().await;
    for source in [LUA, FILE] {
        let off = differ(&own, &sources[source]);
        eprintln!(
            "{source}: {calls} calls, {bytes} bytes, {} seconds, {off} calls off after {} kills of workers and {} of the hub",
            own.len(),
            WORKERS_KILLED + 1,
            ROUNDS + 1
        );
        assert!(off <= WORKERS_KILLED, "{source} is off by {off}");
    }
}
