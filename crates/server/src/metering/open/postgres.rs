//! Usage that several hubs share through PostgreSQL.

use nexus_usage::{Ledger, PostgresSettings, Secret};

use super::{MeteringError, breaker, read};
use crate::config::{PostgresStore, SharedUsage};

pub(super) fn ledger(config: &SharedUsage, store: &PostgresStore) -> Result<Ledger, MeteringError> {
    let settings = PostgresSettings {
        authorities: store.ca.as_deref().map(read).transpose()?,
        connect_timeout: config.connect_timeout,
        operation_timeout: config.operation_timeout,
        breaker: breaker(config),
        ..PostgresSettings::new(Secret::new(store.url.expose()))
    };
    Ledger::postgres(settings).map_err(MeteringError::Store)
}
