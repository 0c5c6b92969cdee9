//! What can go wrong.

use std::error::Error as _;

use tokio_postgres::Error;

/// Why nothing was stored, or nobody knows whether it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{}", said(.0))]
    Postgres(#[from] Error),
    #[error("the usage log in this database has version {0}, this program knows version {known}", known = super::schema::VERSION)]
    Version(i32),
    #[error("{0}")]
    Other(&'static str),
}

impl Failure {
    /// Whether it is the connection that failed, and not what was asked over it.
    pub(super) fn is_of_the_connection(&self) -> bool {
        match self {
            // 57P01 to 57P03: the server is going down or coming up.
            Failure::Postgres(error) => error.code().is_none_or(|code| code.code().starts_with("57P")),
            Failure::Version(_) | Failure::Other(_) => false,
        }
    }
}

/// What the server said: the library's own text is "db error".
fn said(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{}: {}", said.code().code(), said.message()),
        None => error
            .source()
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
    }
}

/// Settings with which a [`PostgresSink`](super::PostgresSink) cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct PostgresSettingsError {
    what: &'static str,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PostgresSettingsError {
    pub(super) fn new(what: &'static str) -> Self {
        PostgresSettingsError { what, source: None }
    }

    pub(super) fn because(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        PostgresSettingsError {
            what,
            source: Some(source.into()),
        }
    }
}
