//! The contract of all ledgers, on real servers.

use super::Store;
use crate::contract::{compaction_holds_for, holds_for};

async fn check(store: Store) {
    if !store.is_there() {
        return;
    }
    let name = super::unique();
    holds_for(async || store.open_as(&name)).await;
    let opened = store.open();
    assert_eq!(
        opened.name(),
        if store == Store::Postgres { "postgres" } else { "redis" }
    );
    if store == Store::Postgres {
        compaction_holds_for(&opened).await;
    } else {
        let old = "2000-12".parse().unwrap();
        let cell = nexus_usage::Cell {
            period: old,
            ..super::cell(1, "old", 5)
        };
        assert_eq!(opened.push(&[cell]).await.unwrap().closed, 1, "a period that is gone");
        assert!(opened.report(old, old).await.unwrap().is_empty());
        assert_eq!(
            opened.compact(super::period()).await.unwrap(),
            0,
            "periods go by themselves"
        );
    }
}

#[tokio::test]
async fn redis() {
    check(Store::Redis).await;
}

#[tokio::test]
async fn redis_cluster() {
    check(Store::Cluster).await;
}

#[tokio::test]
async fn postgres() {
    check(Store::Postgres).await;
}
