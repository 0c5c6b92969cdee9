use tokio_postgres::{Error, error::SqlState};

use crate::ledger::{ErrorKind, LedgerError};

/// What to do about an error of PostgreSQL, or of the connection to it.
pub(super) fn explain(operation: &'static str, error: Error) -> LedgerError {
    let kind = match error.code() {
        // The connection, or what came over it.
        None => ErrorKind::Unavailable,
        Some(code) if [SqlState::DISK_FULL, SqlState::INSUFFICIENT_PRIVILEGE].contains(code) => ErrorKind::Refused,
        Some(code) => match code.code().get(..2) {
            // Connections, conflicts, resources, locks, shutdowns and timeouts, the system.
            Some("08" | "40" | "53" | "55" | "57" | "58") => ErrorKind::Unavailable,
            // Read-only, wrong password, unknown role or database.
            Some("25" | "28" | "0L" | "0P" | "3D") => ErrorKind::Refused,
            _ => ErrorKind::Corrupt,
        },
    };
    LedgerError::new(kind, operation, Spoken(error))
}

/// An error of the library that says what the server said: its own text is "db error".
#[derive(Debug)]
struct Spoken(Error);

impl std::fmt::Display for Spoken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_db_error() {
            Some(error) => write!(f, "{}: {}", error.code().code(), error.message()),
            None => {
                write!(f, "{}", self.0)?;
                std::error::Error::source(&self.0).map_or(Ok(()), |source| write!(f, ": {source}"))
            }
        }
    }
}

impl std::error::Error for Spoken {}
