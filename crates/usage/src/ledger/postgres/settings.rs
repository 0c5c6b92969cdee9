//! How to reach a PostgreSQL database.

use std::time::Duration;

use crate::{BreakerSettings, Secret};

/// How to reach a PostgreSQL database.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// Its URL, or `key=value` pairs as libpq takes them. With `sslmode=require` the connection is encrypted and the server's
    /// certificate and name are verified; otherwise it is not encrypted.
    pub url: Secret,
    /// Authorities of which one has signed the server's certificate, in PEM. Default: those that this machine trusts.
    pub authorities: Option<Vec<u8>>,
    /// How long a connection may take to be made. Default 1 s.
    pub connect_timeout: Duration,
    /// How long the server may take to answer, each time it is asked. A push asks once per
    /// [`PostgresSettings::PUSH_CELLS_MAX`] cells. Default 1 s.
    pub operation_timeout: Duration,
    /// After how many failures it is left alone, and how often it is seen whether it is back.
    pub breaker: BreakerSettings,
}

impl PostgresSettings {
    /// How many cells are sent before the answer is waited for.
    pub const PUSH_CELLS_MAX: usize = 1_000;

    /// This database, and the defaults.
    pub fn new(url: Secret) -> Self {
        PostgresSettings {
            url,
            authorities: None,
            connect_timeout: Duration::from_secs(1),
            operation_timeout: Duration::from_secs(1),
            breaker: BreakerSettings::default(),
        }
    }
}
