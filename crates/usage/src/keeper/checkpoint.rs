//! Keeps in the local file what was counted.

use std::sync::{
    Arc,
    atomic::{Ordering, fence},
};

use super::Work;
use crate::{LedgerError, Totals, entry::Entry, month::Month};

impl Work {
    /// Keeps what these have counted since the last time, and tells milestones.
    ///
    /// An entry stays marked as long as it counts, so that counting need not mark it; it is unmarked by the first round in which it
    /// did not.
    pub(super) async fn checkpoint(&self, entries: Vec<Arc<Entry>>) -> Result<(), LedgerError> {
        let _one_at_a_time = self.checkpointing.lock().await;
        let mut changed = Vec::new();
        for entry in &entries {
            entry.dirty.store(false, Ordering::Release);
            fence(Ordering::SeqCst);
            let before = changed.len();
            changed.extend(
                entry
                    .months()
                    .filter_map(|month| unkept(month).map(|totals| (entry, month, totals))),
            );
            if changed.len() > before {
                entry.mark();
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        if let Some(checkpoints) = &self.context.settings.checkpoints {
            let cell = |(entry, month, totals): &(&Arc<Entry>, &Month, Totals)| crate::Cell {
                writer: self.context.writer,
                subject: entry.subject.clone(),
                period: month.period,
                totals: *totals,
            };
            let cells = changed.iter().map(cell).collect();
            let now = self.context.settings.clock.now();
            if let Err(error) = checkpoints.file.checkpoint(self.context.writer, cells, now).await {
                self.context
                    .counters
                    .checkpoint_failures
                    .fetch_add(1, Ordering::Relaxed);
                return Err(error);
            }
            self.context.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
        }
        for (_, month, totals) in &changed {
            let mut book = month.book();
            book.kept = book.kept.max(*totals);
        }
        self.tell_milestones(changed.iter().map(|(entry, month, _)| (&***entry, *month)))
            .await;
        Ok(())
    }
}

fn unkept(month: &Month) -> Option<Totals> {
    let totals = month.totals();
    (totals != month.book().kept).then_some(totals)
}
