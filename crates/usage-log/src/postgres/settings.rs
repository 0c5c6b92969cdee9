//! How the database is reached, and what is kept in it.

use std::time::Duration;

use nexus_trust::Secret;

use crate::retention::Retention;

/// How to reach a PostgreSQL database, and what a [`PostgresSink`](super::PostgresSink) takes and keeps in it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PostgresSettings {
    url: Secret,
    /// Authorities of which one has signed the server's certificate, in PEM. Default: those that this machine trusts.
    pub authorities: Option<Vec<u8>>,
    /// How long a connection may take to be made. Default 5 s.
    pub connect_timeout: Duration,
    /// How long a batch may take, all in all. The server gives up on it after the same time. Default 30 s.
    pub operation_timeout: Duration,
    /// What is taken and for how long it is kept: the same as in the embedded sink.
    pub retention: Retention,
}

impl PostgresSettings {
    /// The database at this URL, or `key=value` pairs as libpq takes them, and the defaults. With `sslmode=require` the
    /// connection is encrypted and the server's certificate and name are verified; otherwise it is not encrypted.
    pub fn new(url: impl Into<String>) -> Self {
        PostgresSettings {
            url: Secret::new(url),
            authorities: None,
            connect_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(30),
            retention: Retention::default(),
        }
    }

    pub(super) fn url(&self) -> &Secret {
        &self.url
    }
}
