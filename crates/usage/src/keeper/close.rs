//! The last round before the end.

use std::time::Duration;

use tokio::time::timeout;

use super::{Keeper, Work};
use crate::{Amount, Closed, Ledger};

impl Keeper {
    pub(crate) async fn close(&self, deadline: Duration) -> Closed {
        for task in self.stop() {
            // It ended because it was told to.
            let _ = task.await;
        }
        let checkpoint_failed = self.checkpoint().await.is_err();
        if let Some(shared) = &self.work.context.settings.shared {
            // What is left undone at the deadline is found below.
            let _ = timeout(deadline, self.work.last_push(&shared.ledger)).await;
        }
        let is_shared = self.work.context.settings.shared.is_some();
        let unpushed = if is_shared {
            self.work.unpushed(&self.work.entries.all(), false)
        } else {
            Vec::new()
        };
        let ended = self.work.end(is_shared && unpushed.is_empty()).await;
        Closed {
            unpushed,
            checkpoint_failed: checkpoint_failed || !ended,
        }
    }
}

impl Work {
    /// Also what was held back; then gives back what is left of leases.
    async fn last_push(&self, ledger: &Ledger) {
        self.held_back
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
        while self.push_and_ask().await.is_err() {
            tokio::time::sleep(self.context.settings.push_fast_interval).await;
        }
        for entry in self.entries.all().iter().filter(|entry| entry.mode.asks()) {
            for month in entry.months() {
                let asking = month.asking.lock().await;
                if asking.ends.is_some() {
                    let cell = month.cell(self.context.writer, &entry.subject);
                    // A lease that is not given back runs out by itself.
                    let _ = ledger.give_back(&cell, Amount::ZERO).await;
                }
            }
        }
    }

    /// Says in the checkpoints that the writer has ended. Answers whether that could be said.
    async fn end(&self, settled: bool) -> bool {
        match &self.context.settings.checkpoints {
            Some(checkpoints) => checkpoints.file.end(self.context.writer, settled).await.is_ok(),
            None => true,
        }
    }
}
