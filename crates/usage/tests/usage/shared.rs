//! The ledgers on real servers: Redis, Redis Cluster and PostgreSQL.

mod claims;
mod contract;
mod defects;
mod histories;
mod keys;
mod kills;
mod outages;
mod settings;

use std::{
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use nexus_usage::{Amount, Cell, Ledger, Period, PostgresSettings, RedisSettings, Secret, Subject, Totals, WriterId};

use crate::servers::redis::{RedisCluster, RedisServer};
use nexus_test_servers::{PostgresServer, Proxy, postgres_url, require};

/// What holds a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Redis,
    Cluster,
    Postgres,
}

impl Store {
    pub(crate) const ALL: [Store; 3] = [Store::Redis, Store::Cluster, Store::Postgres];

    /// Whether its programs are there; if not that is said, or fails.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Store::Redis | Store::Cluster => require(RedisServer::PROGRAMS),
            Store::Postgres => require(PostgresServer::PROGRAMS),
        }
    }

    /// A ledger of its own on the server that all tests use.
    pub(crate) fn open(self) -> Ledger {
        self.open_as(&unique())
    }

    /// The ledger of this name on the server that all tests use.
    pub(crate) fn open_as(self, name: &str) -> Ledger {
        match self {
            Store::Redis => Ledger::redis(RedisSettings {
                key_prefix: name.to_owned(),
                ..patient(RedisSettings::one(redis().address()))
            }),
            Store::Cluster => Ledger::redis(RedisSettings {
                key_prefix: name.to_owned(),
                ..patient(RedisSettings::cluster(cluster().addresses()))
            }),
            Store::Postgres => {
                create_database(name);
                Ledger::postgres(in_database(postgres().port(), name))
            }
        }
        .unwrap()
    }
}

/// A loaded machine may be slow; only tests of what happens then say so.
pub(crate) fn patient(settings: RedisSettings) -> RedisSettings {
    RedisSettings {
        connect_timeout: Duration::from_secs(20),
        operation_timeout: Duration::from_secs(20),
        ..settings
    }
}

pub(crate) fn in_database(port: u16, name: &str) -> PostgresSettings {
    PostgresSettings {
        connect_timeout: Duration::from_secs(20),
        operation_timeout: Duration::from_secs(20),
        ..PostgresSettings::new(Secret::new(postgres_url(port, name)))
    }
}

/// A name that nobody else has.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("ledger_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The server that all tests use; it ends with the test process.
pub(crate) fn redis() -> &'static RedisServer {
    static SERVER: OnceLock<RedisServer> = OnceLock::new();
    SERVER.get_or_init(RedisServer::start)
}

pub(crate) fn cluster() -> &'static RedisCluster {
    static CLUSTER: OnceLock<RedisCluster> = OnceLock::new();
    CLUSTER.get_or_init(RedisCluster::start)
}

pub(crate) fn postgres() -> &'static PostgresServer {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    SERVER.get_or_init(PostgresServer::start)
}

fn create_database(name: &str) {
    static MADE: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    if !made.iter().any(|made| made == name) {
        postgres().create_database(name);
        made.push(name.to_owned());
    }
}

/// A proxy before the server that all tests use, and the ledger behind it. It tolerates every failure, and no operation waits
/// for long.
pub(crate) fn behind_a_proxy(store: Store) -> (Ledger, Vec<Proxy>) {
    let quick = Duration::from_millis(500);
    match store {
        Store::Redis => {
            let proxy = Proxy::before(redis().port());
            let settings = RedisSettings {
                key_prefix: unique(),
                connect_timeout: quick,
                operation_timeout: quick,
                breaker: tolerant(),
                ..RedisSettings::one(proxy.address().parse().unwrap())
            };
            (Ledger::redis(settings).unwrap(), vec![proxy])
        }
        Store::Cluster => panic!("its proxies are its own"),
        Store::Postgres => {
            let proxy = Proxy::before(postgres().port());
            let name = unique();
            create_database(&name);
            let settings = PostgresSettings {
                connect_timeout: quick,
                operation_timeout: quick,
                breaker: tolerant(),
                ..in_database(proxy.port(), &name)
            };
            (Ledger::postgres(settings).unwrap(), vec![proxy])
        }
    }
}

/// A breaker that never opens.
pub(crate) fn tolerant() -> nexus_usage::BreakerSettings {
    nexus_usage::BreakerSettings {
        failures_max: u32::MAX.try_into().unwrap(),
        ..nexus_usage::BreakerSettings::default()
    }
}

/// A period that no ledger forgets while a test runs.
pub(crate) fn period() -> Period {
    "2099-12".parse().unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn cell(writer: u128, name: &str, requests: u64) -> Cell {
    Cell {
        writer: WriterId::from_bits(writer),
        subject: subject(name),
        period: period(),
        totals: Totals::added(Amount {
            api_requests: requests,
            ..Amount::ZERO
        }),
    }
}

/// What all writers together have used, by the ledger.
pub(crate) async fn used(ledger: &Ledger, name: &str) -> u64 {
    let sums = ledger
        .sums(period(), &[subject(name)], WriterId::from_bits(0))
        .await
        .unwrap();
    sums[0].all.used().api_requests
}
