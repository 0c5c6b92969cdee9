//! Usage that several hubs share through Redis.

use nexus_usage::{Ledger, RedisAddress, RedisSettings, RedisTls};

use super::{MeteringError, breaker, read};
use crate::config::{RedisStore, SharedUsage};

pub(super) fn ledger(config: &SharedUsage, store: &RedisStore) -> Result<Ledger, MeteringError> {
    let addresses = store
        .addresses
        .iter()
        .map(|address| address.parse::<RedisAddress>())
        .collect::<Result<Vec<_>, _>>()?;
    let addressed = match (store.cluster, addresses.first()) {
        (false, Some(address)) => RedisSettings::one(address.clone()),
        _ => RedisSettings::cluster(addresses),
    };
    let tls = match (store.tls, &store.ca) {
        (false, _) => RedisTls::Off,
        (true, None) => RedisTls::SystemAuthorities,
        (true, Some(ca)) => RedisTls::Authorities(read(ca)?),
    };
    let settings = RedisSettings {
        username: store.username.clone(),
        password: store.password.clone(),
        database: store.database,
        tls,
        key_prefix: store.key_prefix.clone(),
        connect_timeout: config.connect_timeout,
        operation_timeout: config.operation_timeout,
        breaker: breaker(config),
        ..addressed
    };
    Ledger::redis(settings).map_err(MeteringError::Store)
}
