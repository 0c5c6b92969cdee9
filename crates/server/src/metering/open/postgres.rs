//! Usage that several hubs share through PostgreSQL.

use nexus_usage::{Ledger, PostgresSettings};

use super::{MeteringError, breaker, read};
use crate::config::{PostgresStore, SharedUsage};

pub(super) fn ledger(config: &SharedUsage, store: &PostgresStore) -> Result<Ledger, MeteringError> {
    let settings = PostgresSettings {
        authorities: store.ca.as_deref().map(read).transpose()?,
        connect_timeout: config.connect_timeout,
        operation_timeout: config.operation_timeout,
        breaker: breaker(config),
        ..PostgresSettings::new(store.url.clone())
    };
    Ledger::postgres(settings).map_err(MeteringError::Store)
}
