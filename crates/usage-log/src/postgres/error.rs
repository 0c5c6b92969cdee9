//! What can go wrong.

use std::io;

use nexus_postgres::{ConnectError, SettingsError, said};
use tokio_postgres::Error;

/// Why nothing was stored, or nobody knows whether it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{}", said(.0))]
    Postgres(#[from] Error),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// As when nobody knows whether the standby has what was committed.
    #[error("it was done with a warning: {0}")]
    Warned(String),
    #[error("{0}")]
    Other(&'static str),
}

impl Failure {
    /// Whether it is the connection that failed, and not what was asked over it.
    pub(super) fn is_of_the_connection(&self) -> bool {
        match self {
            // 57P01 to 57P03: the server is going down or coming up.
            Failure::Postgres(error) => error.code().is_none_or(|code| code.code().starts_with("57P")),
            Failure::Connect(_) | Failure::Warned(_) | Failure::Other(_) => false,
        }
    }
}

/// Settings with which a [`PostgresSink`](super::PostgresSink) cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresSettingsError {
    /// The URL or the authorities cannot be used.
    #[error(transparent)]
    Database(#[from] SettingsError),
    /// There is nothing to run on.
    #[error("no runtime can be made for the usage log in PostgreSQL")]
    Runtime(#[source] io::Error),
}
