//! How long shared ledgers on this machine take for a push of 1 000 cells: `cargo bench -p nexus-usage --bench ledgers`.
#![allow(dead_code, reason = "the servers of the tests can do more than is measured")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "as in tests"
)]

#[path = "../tests/usage"]
mod tests {
    pub(crate) mod servers;
}

use std::time::Duration;

use nexus_test_servers::{PostgresServer, require};
use nexus_usage::{Amount, Cell, Ledger, PostgresSettings, RedisSettings, Secret, Subject, Totals, WriterId};
use tests::servers::redis::{RedisCluster, RedisServer};
use tokio::time::Instant;

const CELLS: usize = 1_000;
const ROUNDS: u64 = 50;

fn main() {
    if !require(RedisServer::PROGRAMS) || !require(PostgresServer::PROGRAMS) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (redis, cluster, postgres) = (RedisServer::start(), RedisCluster::start(), PostgresServer::start());
    runtime.block_on(async {
        let slow = Duration::from_secs(10);
        let one = RedisSettings {
            operation_timeout: slow,
            ..RedisSettings::one(redis.address())
        };
        let of_cluster = RedisSettings {
            operation_timeout: slow,
            connect_timeout: slow,
            ..RedisSettings::cluster(cluster.addresses())
        };
        let database = PostgresSettings {
            operation_timeout: slow,
            ..PostgresSettings::new(Secret::new(postgres.url("postgres")))
        };
        measure("Redis", &Ledger::redis(one).unwrap()).await;
        measure(
            "Redis Cluster, 3 masters, behind proxies",
            &Ledger::redis(of_cluster).unwrap(),
        )
        .await;
        measure("PostgreSQL, fsync off", &Ledger::postgres(database).unwrap()).await;
    });
}

/// The first push makes the cells; of the others, each raises all of them.
async fn measure(name: &str, ledger: &Ledger) {
    ledger.ping().await.unwrap();
    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        let cells: Vec<_> = (0..CELLS).map(|n| cell(n, round)).collect();
        let begun = Instant::now();
        ledger.push(&cells).await.unwrap();
        times.push(begun.elapsed());
    }
    let first = times[0];
    times.sort();
    let at = |part: usize| times[times.len() * part / 100];
    println!(
        "{name}: push of {CELLS} cells: first {first:.1?}, then p50 {:.1?}, p99 {:.1?}",
        at(50),
        at(99)
    );
}

fn cell(n: usize, round: u64) -> Cell {
    Cell {
        writer: WriterId::from_bits(1),
        subject: Subject::new(&format!("key {n}")).unwrap(),
        period: "2099-12".parse().unwrap(),
        totals: Totals::added(Amount {
            api_requests: round,
            egress_bytes: round * 1_000,
            ingress_bytes: round * 10,
        }),
    }
}
