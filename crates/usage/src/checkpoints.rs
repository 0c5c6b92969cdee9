//! The file in which a process keeps what it has counted.

use std::path::Path;

use crate::{Ledger, LedgerError, ledger::Sqlite};

/// The file in which a process keeps what it has counted, so that a crash does not lose it. One process at a time. Cheap to clone.
///
/// What is acknowledged by a checkpoint survives the end of the process at any moment, `kill -9` too. A power cut may undo the
/// last checkpoints, as far back as SQLite's last checkpoint of its WAL, never a part of one.
///
/// It is a ledger as well ([`Checkpoints::ledger`]): of this process and those before it.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    pub(crate) file: Sqlite,
}

impl Checkpoints {
    /// Opens the file, or makes it; its directory must be there.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let file = Sqlite::open(path.as_ref()).await?;
        Ok(Checkpoints { file })
    }

    /// What this process and those before it have counted, for reports.
    pub fn ledger(&self) -> Ledger {
        Ledger::of_file(self.file.clone())
    }
}
