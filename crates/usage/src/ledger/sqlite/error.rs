//! Why SQLite did not do what it was asked.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::{ErrorKind, LedgerError};

/// Why something could not be done in the database.
#[derive(Debug)]
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    /// What is stored makes no sense.
    Corrupt(String),
    /// The file is of another version, or another program's.
    Foreign(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sqlite(error)
    }
}

impl Failure {
    pub(super) fn during(self, operation: &'static str) -> LedgerError {
        match self {
            Failure::Sqlite(error) => LedgerError::new(kind(&error), operation, error),
            Failure::Corrupt(what) => LedgerError::new(ErrorKind::Corrupt, operation, what),
            Failure::Foreign(what) => LedgerError::new(ErrorKind::Refused, operation, what),
        }
    }

    /// Says which file it was, where SQLite does not.
    pub(super) fn of(self, path: &Path) -> Self {
        match self {
            Failure::Foreign(what) => Failure::Foreign(format!("{}: {what}", path.display())),
            Failure::Corrupt(what) => Failure::Corrupt(format!("{}: {what}", path.display())),
            Failure::Sqlite(rusqlite::Error::SqliteFailure(error, message)) => {
                let message = message.unwrap_or_else(|| error.to_string());
                let message = format!("{}: {message}", path.display());
                Failure::Sqlite(rusqlite::Error::SqliteFailure(error, Some(message)))
            }
            Failure::Sqlite(_) => self,
        }
    }
}

fn kind(error: &rusqlite::Error) -> ErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorKind::Corrupt,
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::CannotOpen,
        ) => ErrorKind::Refused,
        // A full disk among them: it mostly has room again before somebody looks.
        Some(_) => ErrorKind::Unavailable,
        // Not an answer of SQLite but of its binding: a column that is not what it must be.
        None => ErrorKind::Corrupt,
    }
}
