//! What the ledger leaves in Redis.

use std::time::Duration;

use nexus_usage::{Amount, Claim, Ledger, Limits, RedisSettings, Subject, Time, Totals, WriterId};

use super::{cell, period, subject, unique};
use crate::servers::redis::RedisServer;

async fn every_operation(ledger: &Ledger, names: &[&str]) {
    for &name in names {
        let claim = |n| Claim {
            cell: cell(n, name, 3),
            up_to: Amount::request(0, 0),
            limits: Limits::UNLIMITED,
            at: Time::now(),
            valid_for: Duration::from_secs(60),
        };
        let lease = Claim {
            up_to: Amount {
                api_requests: 9,
                ..Amount::ZERO
            },
            ..claim(1)
        };
        ledger.lease(&lease).await.unwrap();
        ledger.admit(&claim(2)).await.unwrap();
        ledger.push(&[cell(1, name, 5)]).await.unwrap();
        ledger.give_back(&cell(1, name, 6), Amount::ZERO).await.unwrap();
        ledger.lease(&lease).await.unwrap();
        ledger.push(&[cell(3, name, 7)]).await.unwrap();
    }
}

async fn ask_about(ledger: &Ledger, name: &str) {
    let subjects: [Subject; 1] = [subject(name)];
    ledger.sums(period(), &subjects, WriterId::from_bits(1)).await.unwrap();
    ledger.report(period(), period()).await.unwrap();
    ledger.push(&[cell(1, name, 0)]).await.unwrap();
    ledger.give_back(&cell(1, name, 0), Amount::ZERO).await.unwrap();
}

#[tokio::test]
async fn every_key_has_an_expiry_and_idle_ones_are_never_made() {
    if !super::Store::Redis.is_there() {
        return;
    }
    let server = RedisServer::start();
    let settings = RedisSettings {
        key_prefix: unique(),
        ..super::patient(RedisSettings::one(server.address()))
    };
    let prefix = settings.key_prefix.clone();
    let ledger = Ledger::redis(settings).unwrap();
    ask_about(&ledger, "idle").await;
    assert_eq!(server.command(&["DBSIZE"]).trim(), "0", "asking made nothing");
    let names = ["a", "b:c", "{d}", "}e", "f}{"];
    every_operation(&ledger, &names).await;
    ask_about(&ledger, "idle").await;
    let keys = server.command(&["KEYS", "*"]);
    let keys: Vec<_> = keys.lines().collect();
    // Cells and claims of each, and the names of the period.
    assert_eq!(keys.len(), names.len() * 2 + 1, "{keys:?}");
    let expected = Ledger::kept_until(period()).seconds();
    for key in keys {
        assert!(key.starts_with(&format!("{prefix}:")), "{key}");
        let expires_at = server.command(&["EXPIRETIME", key]);
        assert_eq!(expires_at.trim(), expected.to_string(), "{key}");
    }
}

#[tokio::test]
async fn keys_of_one_subject_in_one_period_are_in_one_slot() {
    if !super::Store::Cluster.is_there() {
        return;
    }
    let name = unique();
    let ledger = super::Store::Cluster.open_as(&name);
    let names = ["a", "b:c", "{d}", "}e", "f}{", "{}"];
    every_operation(&ledger, &names).await;
    let node = &super::cluster().nodes[0];
    for subject in names {
        let slot = |kind: &str| {
            let key = format!("{name}:{kind}:{{{}:{subject}}}", period());
            let slot = node.command(&["CLUSTER", "KEYSLOT", &key]);
            let found: u32 = super::cluster()
                .nodes
                .iter()
                .map(|node| node.command(&["CLUSTER", "COUNTKEYSINSLOT", slot.trim()]))
                .map(|count| count.trim().parse::<u32>().unwrap())
                .sum();
            assert!(found >= 2, "{key}: {found} keys in its slot");
            slot
        };
        assert_eq!(slot("usage"), slot("claims"));
    }
}

/// Doubles are exact up to 2^53, and sums over writers go beyond: they are added to and compared exactly all the same.
#[tokio::test]
async fn sums_and_claims_beyond_what_a_double_holds_are_exact() {
    for store in super::Store::ALL {
        if !store.is_there() {
            continue;
        }
        let ledger = store.open();
        let largest = Totals::VALUE_MAX;
        for writer in 1..=5 {
            ledger.push(&[cell(writer, "large", largest - 1)]).await.unwrap();
            ledger.push(&[cell(writer, "large", largest)]).await.unwrap();
        }
        assert_eq!(super::used(&ledger, "large").await, 5 * largest, "{store:?}");
        // Beyond the largest total a writer's cell stays at it.
        ledger.push(&[cell(5, "large", u64::MAX)]).await.unwrap();
        assert_eq!(super::used(&ledger, "large").await, 5 * largest, "{store:?}");
        for (left, asked, granted) in [(0, 5, 0), (1, 5, 1), (4, 5, 4), (5, 5, 5), (6, 5, 5)] {
            let claim = Claim {
                cell: cell(100 + left, "large", 0),
                up_to: Amount {
                    api_requests: asked,
                    ..Amount::ZERO
                },
                limits: Limits {
                    api_requests: 5 * largest + u64::try_from(left).unwrap(),
                    ..Limits::UNLIMITED
                },
                at: Time::now(),
                valid_for: Duration::from_secs(60),
            };
            let lease = ledger.lease(&claim).await.unwrap();
            assert_eq!(lease.up_to.api_requests, granted, "{store:?}: {left} left");
            assert_eq!(lease.others.api_requests, 5 * largest, "{store:?}");
            ledger.give_back(&claim.cell, Amount::ZERO).await.unwrap();
        }
    }
}
