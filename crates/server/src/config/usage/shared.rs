//! `usage.shared`: the store in which several hubs share their usage.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use nexus_metric::spelling;
use nexus_usage::Secret;

use crate::{
    config::{section::Section, units},
    feature::Feature,
};

/// `usage.shared`: the store in which several hubs share their usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shared {
    /// Which, and how to reach it.
    pub(crate) store: Store,
    /// `required`: whether a hub that cannot reach it does not start: yes.
    pub(crate) required: bool,
    /// `on_loss`: what is admitted while it cannot be reached: whatever is within the limits as they are known.
    pub(crate) on_loss: nexus_usage::OnLoss,
    /// `connect_timeout`: 1 s.
    pub(crate) connect_timeout: Duration,
    /// `operation_timeout`: how long an answer may take: 1 s.
    pub(crate) operation_timeout: Duration,
    /// `failures_max`: after so many in a row it is left alone: 3.
    pub(crate) failures_max: NonZeroU32,
    /// `probe_interval`: how often it is seen whether it is back: 5 s.
    pub(crate) probe_interval: Duration,
}

/// A store that can be shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Store {
    /// `redis`: one server, or a Cluster.
    Redis(RedisStore),
    /// `postgres`
    Postgres(PostgresStore),
}

impl Store {
    /// The setting that names it, and what it needs.
    fn feature(&self) -> (&'static str, Feature) {
        match self {
            Store::Redis(_) => ("redis", Feature::Redis),
            Store::Postgres(_) => ("postgres", Feature::Postgres),
        }
    }
}

/// How to reach Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedisStore {
    /// `addresses`: of the server, or of some nodes of the Cluster, as `host:port`.
    pub(crate) addresses: Vec<String>,
    /// `cluster`: whether it is one: no.
    pub(crate) cluster: bool,
    /// `username`
    pub(crate) username: Option<String>,
    /// `password`, or `METRIC_NEXUS_REDIS_PASSWORD`
    pub(crate) password: Option<Secret>,
    /// `database`: 0.
    pub(crate) database: u32,
    /// `tls`: whether connections are encrypted: no.
    pub(crate) tls: bool,
    /// `ca`: PEM, who has signed its certificate; those that the machine trusts.
    pub(crate) ca: Option<PathBuf>,
    /// `key_prefix`: what all keys begin with: `nexus`.
    pub(crate) key_prefix: String,
}

/// How to reach PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresStore {
    /// `url`, or `METRIC_NEXUS_POSTGRES_URL`: may hold a password.
    pub(crate) url: Secret,
    /// `ca`: PEM, who has signed its certificate; those that the machine trusts.
    pub(crate) ca: Option<PathBuf>,
}

impl Shared {
    /// None unless a store is named.
    pub(super) fn read(section: Section<'_>) -> Option<Self> {
        let redis = RedisStore::read(section.section("redis"));
        let postgres = PostgresStore::read(section.section("postgres"));
        let (store, both) = match (redis, postgres) {
            (Some(redis), postgres) => (Some(Store::Redis(redis)), postgres.is_some()),
            (None, postgres) => (postgres.map(Store::Postgres), false),
        };
        if both {
            section.error("postgres", "usage is shared in one store: give redis or postgres");
        }
        if let Some(store) = &store {
            let (name, feature) = store.feature();
            section.needs(name, feature);
        }
        let mut required = true;
        section.set("required", &mut required, units::bool);
        let on_loss = on_loss(&section);
        let time = Duration::from_millis(1)..=Duration::from_secs(600);
        let duration = |name, default| {
            section
                .get(name, |value| units::duration(value, &time))
                .unwrap_or(default)
        };
        let second = Duration::from_secs(1);
        let (connect_timeout, operation_timeout) = (
            duration("connect_timeout", second),
            duration("operation_timeout", second),
        );
        let probe_interval = duration("probe_interval", Duration::from_secs(5));
        let failures_max = section.get("failures_max", |value| units::count(value, &(1..=1_000)));
        section.finish();
        Some(Shared {
            store: store?,
            required,
            on_loss,
            connect_timeout,
            operation_timeout,
            failures_max: failures_max
                .and_then(NonZeroU32::new)
                .unwrap_or(NonZeroU32::MIN.saturating_add(2)),
            probe_interval,
        })
    }
}

fn on_loss(section: &Section<'_>) -> nexus_usage::OnLoss {
    let hubs = section.get("hubs", |value| units::count(value, &(1..=1_000_000)));
    let hubs = hubs.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    let choices = [
        ("go_on", nexus_usage::OnLoss::GoOn),
        ("refuse", nexus_usage::OnLoss::Refuse),
        ("local_share", nexus_usage::OnLoss::LocalShare(hubs)),
    ];
    let chosen = section.get("on_loss", |value| units::choice(units::string(value)?, &choices));
    chosen.unwrap_or_default()
}

impl RedisStore {
    const ADDRESSES_MAX: usize = 1_000;

    fn read(section: Section<'_>) -> Option<Self> {
        let mut addresses = Vec::new();
        for (index, item) in section.list("addresses").iter().take(Self::ADDRESSES_MAX).enumerate() {
            match units::string(item) {
                Ok(address) => addresses.push(address.to_owned()),
                Err(error) => section.error(&format!("addresses[{index}]"), error),
            }
        }
        let text = |name| {
            section
                .get(name, |value| Ok(units::string(value)?.to_owned()))
                .filter(|text| !text.is_empty())
        };
        let (username, password, key_prefix) = (text("username"), text("password"), text("key_prefix"));
        let mut store = RedisStore {
            addresses,
            cluster: false,
            username,
            password: password.as_deref().map(spelling::secret).map(Secret::new),
            database: 0,
            tls: false,
            ca: section.get("ca", units::path).flatten(),
            key_prefix: key_prefix.unwrap_or_else(|| "nexus".to_owned()),
        };
        section.set("cluster", &mut store.cluster, units::bool);
        section.set("tls", &mut store.tls, units::bool);
        section.set("database", &mut store.database, |value| {
            let database = units::count(value, &(0..=u64::from(u32::MAX)))?;
            u32::try_from(database).map_err(|error| error.to_string())
        });
        section.finish();
        (!store.addresses.is_empty()).then_some(store)
    }
}

impl PostgresStore {
    /// None unless there is a URL.
    fn read(section: Section<'_>) -> Option<Self> {
        Some(Self::read_any(section)).filter(|store| !store.url.expose().is_empty())
    }

    /// With an empty URL if there is none.
    pub(in crate::config) fn read_any(section: Section<'_>) -> Self {
        let url = section.get("url", |value| Ok(units::string(value)?.to_owned()));
        let ca = section.get("ca", units::path).flatten();
        section.finish();
        PostgresStore {
            url: Secret::new(spelling::secret(&url.unwrap_or_default())),
            ca,
        }
    }
}
