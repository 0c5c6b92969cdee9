//! What to do about what PostgreSQL says.

use nexus_postgres::{ConnectError, SchemaError, said};
use tokio_postgres::{Error, error::SqlState};

use crate::ledger::{ErrorKind, LedgerError};

/// What to do about an error of PostgreSQL, or of the connection to it.
pub(super) fn explain(operation: &'static str, error: &Error) -> LedgerError {
    LedgerError::new(kind_of(error), operation, said(error))
}

/// The same, where no connection could be made.
pub(super) fn explain_connecting(operation: &'static str, error: ConnectError) -> LedgerError {
    let kind = match &error {
        ConnectError::Postgres { source, .. } | ConnectError::Schema(SchemaError::Postgres(source)) => kind_of(source),
        ConnectError::Schema(_) => ErrorKind::Refused,
        _ => ErrorKind::Unavailable,
    };
    LedgerError::new(kind, operation, error)
}

fn kind_of(error: &Error) -> ErrorKind {
    match error.code() {
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
    }
}
