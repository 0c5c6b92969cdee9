//! Those of the sixteen defects that a store or the network to it brings about, on real ones. The others need no server and
//! stand in `crate::defects`; a crash of the process (1), keys without an end (7), a breaker that stays open (8), a black hole
//! (14), and check and act that are not one step (16) have tests of their own in `kills`, `keys`, `outages` and `claims`.

use std::time::Duration;

use nexus_usage::{AtStart, Ledger, Mode, OnLoss, RedisSettings, Settings, SharedLedger, Usage, UsageHandle};

use nexus_test_servers::{Proxy, Weather};

use super::{RedisServer, Store, behind_a_proxy, patient, tolerant};
use crate::harness::{ONE, handle, requests_in};

async fn hub(ledger: &Ledger) -> (Usage, UsageHandle) {
    let usage = Usage::open(Settings {
        shared: Some(SharedLedger {
            ledger: ledger.clone(),
            at_start: AtStart::Optional,
            on_loss: OnLoss::GoOn,
        }),
        // Pushes are made by the test.
        push_interval: Duration::from_secs(3_600),
        push_fast_interval: Duration::from_secs(3_600),
        operation_timeout: Duration::from_secs(30),
        ..Settings::default()
    });
    let usage = usage.await.unwrap();
    let handle = handle(&usage, Mode::Exact, 1_000_000);
    (usage, handle)
}

async fn flush(usage: &Usage) {
    let deadline = tokio::time::Instant::now() + nexus_test_servers::DEADLINE;
    while let Err(error) = usage.flush().await {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
    }
}

async fn sum(ledger: &Ledger) -> u64 {
    requests_in(ledger).await.values().sum()
}

async fn counts_once_in(weather: Weather) {
    for store in [Store::Redis, Store::Postgres] {
        if !store.is_there() {
            continue;
        }
        let (ledger, proxies) = behind_a_proxy(store);
        let (usage, handle) = hub(&ledger).await;
        flush(&usage).await;
        for _ in 0..4 {
            handle.record(ONE);
            proxies[0].set(weather);
            assert!(usage.flush().await.is_err(), "{store:?}: its answer does not come");
            proxies[0].set(Weather::Fair);
        }
        flush(&usage).await;
        assert_eq!(sum(&ledger).await, 4, "{store:?}");
    }
}

#[tokio::test]
async fn defect_02_an_answer_lost_after_the_commit_counts_nothing_twice() {
    counts_once_in(Weather::CutAnswers).await;
}

#[tokio::test]
async fn defect_03_pushes_that_time_out_count_nothing_twice() {
    counts_once_in(Weather::LoseAnswers).await;
}

#[tokio::test]
async fn defect_10_and_12_a_redis_that_lost_everything_has_it_back_and_nobody_sees_less() {
    if !Store::Redis.is_there() {
        return;
    }
    let mut server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let ledger = Ledger::redis(RedisSettings {
        breaker: tolerant(),
        ..patient(RedisSettings::one(proxy.address().parse().unwrap()))
    })
    .unwrap();
    let ((one, of_one), (other, of_other)) = (hub(&ledger).await, hub(&ledger).await);
    for round in 1..=6 {
        of_one.record(ONE);
        of_other.record(ONE);
        flush(&one).await;
        flush(&other).await;
        flush(&one).await;
        if round % 2 == 0 {
            server.command(&["FLUSHALL"]);
        } else {
            server.kill();
            server.start_again();
        }
        // One hub heals its part; of the other's it remembers what it saw.
        flush(&one).await;
        assert_eq!(of_one.standing(one.current_period()).used().api_requests, 2 * round);
        flush(&other).await;
        assert_eq!(sum(&ledger).await, 2 * round, "round {round}");
    }
}
