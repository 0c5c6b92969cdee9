//! Why a ledger did not do what it was asked.

use std::{error::Error, fmt};

/// What to do about a ledger's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The ledger did not answer, or not in time. The operation may have been applied. Try again later.
    Unavailable,
    /// The ledger answered, and does not want it: wrong password, missing right, full, read-only. Trying again helps when somebody
    /// has changed that.
    Refused,
    /// What the ledger holds makes no sense. Somebody must look.
    Corrupt,
}

/// Something went wrong with a ledger.
#[derive(Debug)]
pub struct LedgerError {
    kind: ErrorKind,
    operation: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl LedgerError {
    /// This went wrong while doing that, as in "merging cells".
    pub(crate) fn new(
        kind: ErrorKind,
        operation: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        LedgerError {
            kind,
            operation,
            source: source.into(),
        }
    }

    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::Unavailable => "the ledger is unavailable",
            ErrorKind::Refused => "the ledger refused",
            ErrorKind::Corrupt => "the ledger is corrupt",
        };
        write!(f, "{what} while {}: {}", self.operation, self.source)
    }
}

impl Error for LedgerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
