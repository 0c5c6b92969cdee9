//! The store is lost, and comes back.

use std::time::Duration;

use nexus_usage::{
    Amount, AtStart, BreakerSettings, ErrorKind, Ledger, Limits, Mode, OnLoss, Operation, Outcome, PostgresSettings,
    RedisSettings, Settings, SharedLedger, Usage,
};

use super::{Store, cell, subject, unique};
use nexus_test_servers::{DEADLINE, Proxy, Weather};

/// Three failures, and a probe every 20 ms.
fn breaker() -> BreakerSettings {
    BreakerSettings {
        probe_interval: Duration::from_millis(20),
        ..BreakerSettings::default()
    }
}

fn behind(proxy: &Proxy, store: Store) -> Ledger {
    let quick = Duration::from_millis(200);
    match store {
        Store::Redis | Store::Cluster => Ledger::redis(RedisSettings {
            key_prefix: unique(),
            connect_timeout: quick,
            operation_timeout: quick,
            breaker: breaker(),
            ..RedisSettings::one(proxy.address().parse().unwrap())
        }),
        Store::Postgres => {
            let name = unique();
            super::create_database(&name);
            Ledger::postgres(PostgresSettings {
                connect_timeout: quick,
                operation_timeout: quick,
                breaker: breaker(),
                ..super::in_database(proxy.port(), &name)
            })
        }
    }
    .unwrap()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The breaker opens, lets nothing through, closes by itself, and tolerates as much as at first.
async fn check(store: Store, weather: Weather) {
    if !store.is_there() {
        return;
    }
    let port = if store == Store::Postgres {
        super::postgres().port()
    } else {
        super::redis().port()
    };
    let proxy = Proxy::before(port);
    let ledger = behind(&proxy, store);
    let health = ledger.health().unwrap().clone();
    until_done(&ledger).await;
    for round in 1..=2 {
        proxy.set(weather);
        until_open(&ledger).await;
        let asked = || health.operations_total(Operation::Push, Outcome::Failed);
        let before = asked();
        for _ in 0..100 {
            let refused = ledger.push(&[cell(1, "lost", 1)]).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unavailable);
        }
        assert_eq!(asked(), before, "nothing but probes was let through");
        proxy.set(Weather::Fair);
        until("the breaker closes", || !health.is_open()).await;
        assert_eq!(health.opened_total(), round);
    }
    until_done(&ledger).await;
    assert!(
        health.operations_total(Operation::Ping, Outcome::Done) >= 2,
        "probes found it well"
    );
}

async fn until_done(ledger: &Ledger) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while ledger.push(&[cell(1, "lost", 1)]).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "it never answered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn until_open(ledger: &Ledger) {
    let health = ledger.health().unwrap();
    for failures in 0..3 {
        assert!(!health.is_open(), "after {failures} failures");
        assert!(ledger.push(&[cell(1, "lost", 2)]).await.is_err());
    }
    assert!(health.is_open());
}

#[tokio::test]
async fn redis_is_a_black_hole() {
    check(Store::Redis, Weather::BlackHole).await;
}

#[tokio::test]
async fn redis_is_down() {
    check(Store::Redis, Weather::Down).await;
}

#[tokio::test]
async fn redis_takes_requests_and_its_answers_are_lost() {
    check(Store::Redis, Weather::LoseAnswers).await;
}

#[tokio::test]
async fn postgres_is_a_black_hole() {
    check(Store::Postgres, Weather::BlackHole).await;
}

#[tokio::test]
async fn postgres_is_down() {
    check(Store::Postgres, Weather::Down).await;
}

#[tokio::test]
async fn redis_is_slow_but_in_time() {
    if !Store::Redis.is_there() {
        return;
    }
    let proxy = Proxy::before(super::redis().port());
    let ledger = Ledger::redis(super::patient(RedisSettings::one(proxy.address().parse().unwrap()))).unwrap();
    proxy.set(Weather::Slow(Duration::from_millis(30)));
    for _ in 0..4 {
        ledger.push(&[cell(1, "slow", 1)]).await.unwrap();
    }
    assert!(!ledger.health().unwrap().is_open());
}

/// Counting and admitting go on at once: nothing of the request path waits for Redis.
#[tokio::test]
async fn while_redis_is_a_black_hole_no_request_waits_for_it() {
    if !Store::Redis.is_there() {
        return;
    }
    let proxy = Proxy::before(super::redis().port());
    let usage = Usage::open(Settings {
        shared: Some(SharedLedger {
            ledger: behind(&proxy, Store::Redis),
            at_start: AtStart::Optional,
            on_loss: OnLoss::GoOn,
        }),
        ..Settings::default()
    });
    let usage = usage.await.unwrap();
    proxy.set(Weather::BlackHole);
    let limits = Limits {
        api_requests: 1_000_000,
        ..Limits::UNLIMITED
    };
    let modes = [Mode::Off, Mode::Observe, Mode::Approximate, Mode::Exact];
    for (n, mode) in modes.into_iter().enumerate() {
        let handle = usage.register(&subject(&format!("key {n}")), mode, limits).unwrap();
        for _ in 0..1_000 {
            // Polled once: whatever waited for anything would not be ready.
            let admitted = futures_util::FutureExt::now_or_never(handle.admit(Amount::request(1, 1)));
            admitted
                .expect("it waits for nobody")
                .unwrap()
                .settle(Amount::request(1, 1));
        }
        assert_eq!(handle.totals(usage.current_period()).added.api_requests, 1_000);
    }
}

/// What one instance counts the other one sees.
#[tokio::test]
async fn two_instances_on_one_redis_see_the_sum() {
    if !Store::Redis.is_there() {
        return;
    }
    let name = unique();
    let mut handles = Vec::new();
    let mut instances = Vec::new();
    for _ in 0..2 {
        let usage = Usage::open(Settings {
            shared: Some(SharedLedger {
                ledger: Store::Redis.open_as(&name),
                at_start: AtStart::Required,
                on_loss: OnLoss::GoOn,
            }),
            ..Settings::default()
        });
        let usage = usage.await.unwrap();
        let limits = Limits {
            api_requests: 100,
            ..Limits::UNLIMITED
        };
        handles.push(usage.register(&subject("both"), Mode::Exact, limits).unwrap());
        instances.push(usage);
    }
    for _ in 0..60 {
        handles[0].record(Amount::request(0, 0));
        handles[1].record(Amount::request(0, 0));
    }
    let period = instances[0].current_period();
    for handle in &handles {
        until("the sum of both is seen", || {
            handle.standing(period).used().api_requests == 120
        })
        .await;
        assert!(
            handle.admit(Amount::request(0, 0)).await.is_err(),
            "together they are over the limit"
        );
    }
}
