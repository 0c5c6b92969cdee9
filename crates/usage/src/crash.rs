//! Ends a process as a kill would, for tests.

use std::path::Path;

use crate::{Checkpoints, LedgerError, OpenError, Settings, Usage};

/// For tests.
impl Usage {
    /// As [`Usage::open`], but nothing is done by itself: checkpoints and pushes are made when they are asked for.
    pub async fn open_idle(settings: Settings) -> Result<Usage, OpenError> {
        Usage::open_without_tasks(settings).await
    }

    /// Ends as by a crash: whatever is not in the checkpoints or the shared ledger at this moment is lost.
    pub async fn crash(self) {
        self.stop().await;
    }
}

/// For tests.
impl Checkpoints {
    /// Checkpoints that survive a [crash](Usage::crash) as a file would, but not the end of the process.
    pub async fn in_memory() -> Result<Self, LedgerError> {
        Checkpoints::open(Path::new(":memory:")).await
    }
}
