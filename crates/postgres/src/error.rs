//! What can be wrong.

use std::{error::Error, time::Duration};

use nexus_trust::TlsError;

/// Settings with which there can be no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The URL cannot be used.
    #[error("the database's URL is malformed: {0}")]
    Url(String),
    /// The authorities cannot be used.
    #[error("TLS for PostgreSQL cannot be set up: {0}")]
    Tls(#[from] TlsError),
}

/// There is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There was none in time.
    #[error("no connection to {hosts} in time ({timeout:?})")]
    Timeout {
        /// All that were tried.
        hosts: String,
        /// How long one may take.
        timeout: Duration,
    },
    /// No host took it, or the one that did failed.
    #[error("no connection to {hosts}: {}", said(.source))]
    Postgres {
        /// All that were tried.
        hosts: String,
        /// Of the last one.
        source: tokio_postgres::Error,
    },
    /// What is in the database cannot be used.
    #[error(transparent)]
    Schema(SchemaError),
}

/// The tables cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A later program made them.
    #[error(
        "the tables of {table} have version {found}, newer than version {known}, which this program knows: use a newer program"
    )]
    Newer {
        /// The one that says the version.
        table: &'static str,
        /// Its version.
        found: i32,
        /// What is known here.
        known: i32,
    },
    /// An earlier program made them, and there is no way from there.
    #[error(
        "the tables of {table} have version {found}, older than version {known}, which this program knows, and cannot be \
         brought up to it: use another database, or the program that made them"
    )]
    Older {
        /// The one that says the version.
        table: &'static str,
        /// Its version.
        found: i32,
        /// What is known here.
        known: i32,
    },
    /// They cannot be made or read.
    #[error("the tables cannot be made or read: {}", said(.0))]
    Postgres(#[from] tokio_postgres::Error),
}

/// What the server said, or what became of the connection: the library's own text is "db error".
#[must_use]
pub fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{}: {}", said.code().code(), said.message()),
        None => error
            .source()
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
    }
}
