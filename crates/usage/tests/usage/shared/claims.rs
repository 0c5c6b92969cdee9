//! Eight instances with eight tasks each, on one key: exactly the limit is admitted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use nexus_usage::{Amount, AtStart, Limits, Mode, OnLoss, Settings, SharedLedger, Usage};

use super::Store;

const INSTANCES: u64 = 8;
const TASKS: u64 = 8;
const LIMIT: u64 = 400;

/// Each task asks until it is refused.
async fn check(store: Store, mode: Mode) {
    if !store.is_there() {
        return;
    }
    let name = super::unique();
    let admitted = Arc::new(AtomicU64::new(0));
    let mut instances = Vec::new();
    let mut tasks = Vec::new();
    for _ in 0..INSTANCES {
        let usage = Usage::open(Settings {
            shared: Some(SharedLedger {
                ledger: store.open_as(&name),
                at_start: AtStart::Required,
                on_loss: OnLoss::Refuse,
            }),
            operation_timeout: Duration::from_secs(50),
            ..Settings::default()
        });
        let usage = usage.await.unwrap();
        let limits = Limits {
            api_requests: LIMIT,
            ..Limits::UNLIMITED
        };
        let handle = usage.register(&super::subject("key"), mode, limits).unwrap();
        instances.push(usage);
        for _ in 0..TASKS {
            let (handle, admitted) = (handle.clone(), admitted.clone());
            tasks.push(tokio::spawn(async move {
                while let Ok(reservation) = handle.admit(Amount::request(0, 0)).await {
                    admitted.fetch_add(1, Ordering::Relaxed);
                    reservation.settle(Amount::request(0, 0));
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    for usage in &instances {
        usage.close(Duration::from_secs(30)).await;
    }
    // What an instance gave back at its end is nobody's any more: nobody is left to ask for it.
    let admitted = admitted.load(Ordering::Relaxed);
    assert_eq!(admitted, LIMIT, "{store:?} {mode:?}");
    let rows = store.open_as(&name).report(now(), now()).await.unwrap();
    assert_eq!(
        rows[0].totals.added.api_requests, LIMIT,
        "what was admitted was charged"
    );
}

fn now() -> nexus_usage::Period {
    nexus_usage::Calendar::UTC.period_of(nexus_usage::Time::now())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leased_from_redis() {
    check(Store::Redis, Mode::Lease).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leased_from_a_redis_cluster() {
    check(Store::Cluster, Mode::Lease).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leased_from_postgres() {
    check(Store::Postgres, Mode::Lease).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_of_redis() {
    check(Store::Redis, Mode::Ask).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_of_postgres() {
    check(Store::Postgres, Mode::Ask).await;
}
