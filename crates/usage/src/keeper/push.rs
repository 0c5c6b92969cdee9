//! Tells the shared ledger what was counted here, and asks for what others counted.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, timeout};

use super::Work;
use crate::{Cell, ErrorKind, Ledger, LedgerError, Period, Subject, Sum, Totals, ask, entry::Entry, gate::Link};

/// How many cells or questions go to the shared ledger at once.
const BATCH_CELLS_MAX: usize = 1000;
/// How often the shared ledger is told everything, also what it has answered that it knows.
const REPEAT_INTERVAL: Duration = Duration::from_secs(10 * 60);

impl Work {
    /// Tells the shared ledger all that it does not know, asks it what the others have used, and keeps up leases.
    ///
    /// It is told what was counted, not what is in a checkpoint: after a kill it may know more than the local file, never less
    /// of what that file holds. Nothing counts twice, for the next process is another writer with cells of its own.
    pub(super) async fn push_and_ask(&self) -> Result<(), LedgerError> {
        let Some(shared) = &self.context.settings.shared else {
            return Ok(());
        };
        let _one_at_a_time = self.pushing.lock().await;
        for entry in self.entries.all().iter().filter(|entry| entry.mode.asks()) {
            entry.months().for_each(|month| ask::expire(entry, month));
        }
        let result = self.round(&shared.ledger).await;
        match &result {
            Ok(()) => {
                self.context.counters.pushes.fetch_add(1, Ordering::Relaxed);
                self.context.answered();
            }
            Err(_) => self.context.failed(),
        }
        result
    }

    pub(super) async fn reach(&self) -> Result<(), LedgerError> {
        let Some(shared) = &self.context.settings.shared else {
            return Ok(());
        };
        self.in_time(shared.ledger.ping()).await?;
        self.push_unsettled(&shared.ledger).await
    }

    async fn round(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        self.push_unsettled(ledger).await?;
        let entries = self.entries.all();
        let period = self.context.current_period();
        // Before anything is pushed that would hide it.
        let mut wiped = self.misses_sentinel(ledger, period).await?;
        self.push_changed(ledger, &entries).await?;
        wiped |= self.ask_for_others(ledger, &entries, period).await?;
        if wiped {
            self.context.counters.wipes_healed.fetch_add(1, Ordering::Relaxed);
        }
        if wiped || self.is_time_to_repeat() {
            self.forget_pushed(&entries).await?;
            self.push_unsettled(ledger).await?;
            self.push_changed(ledger, &entries).await?;
        }
        for entry in entries.iter().filter(|entry| entry.mode.asks()) {
            for month in entry.months() {
                ask::keep_up(entry, month, ledger).await?;
            }
        }
        let months = entries
            .iter()
            .filter_map(|entry| Some((&**entry, entry.month_if_any(period)?)));
        self.tell_milestones(months).await;
        Ok(())
    }

    /// Whether everything is to be told again without a reason: a ledger that lost a part of what it held, unnoticed, has it back
    /// after this time.
    fn is_time_to_repeat(&self) -> bool {
        let mut told = self.told_everything.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = told.elapsed() >= REPEAT_INTERVAL;
        if is_time {
            *told = Instant::now();
        }
        is_time
    }

    /// What writers before this one left.
    async fn push_unsettled(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let unsettled = self
            .context
            .unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if unsettled.is_empty() {
            return Ok(());
        }
        for cells in unsettled.chunks(BATCH_CELLS_MAX) {
            self.push(ledger, cells).await?;
        }
        if let Some(checkpoints) = &self.context.settings.checkpoints {
            // If it cannot be remembered, the next process pushes them again, which changes nothing.
            let _ = checkpoints.file.settle().await;
        }
        self.context
            .unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        Ok(())
    }

    async fn push_changed(&self, ledger: &Ledger, entries: &[Arc<Entry>]) -> Result<(), LedgerError> {
        let changed = self.unpushed(entries, true);
        for cells in changed.chunks(BATCH_CELLS_MAX) {
            self.push(ledger, cells).await?;
            note_pushed(entries, cells);
            self.context.remember(cells);
        }
        Ok(())
    }

    /// The cells that the shared ledger does not know; without those that are held back, if it is for a push.
    pub(super) fn unpushed(&self, entries: &[Arc<Entry>], for_push: bool) -> Vec<Cell> {
        let held_back = self.held_back.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wanted = entries
            .iter()
            .filter(|entry| !(for_push && held_back.contains(&entry.subject)));
        let cells = wanted.flat_map(|entry| {
            entry.months().filter_map(|month| {
                let cell = month.cell(self.context.writer, &entry.subject);
                (cell.totals != month.book().pushed).then_some(cell)
            })
        });
        cells.collect()
    }

    async fn push(&self, ledger: &Ledger, cells: &[Cell]) -> Result<(), LedgerError> {
        let pushed = self.in_time(ledger.push(cells)).await?;
        self.context
            .counters
            .closed_cells
            .fetch_add(pushed.closed, Ordering::Relaxed);
        Ok(())
    }

    /// Takes over what the others have used. Answers whether the ledger has lost what it held.
    async fn ask_for_others(
        &self,
        ledger: &Ledger,
        entries: &[Arc<Entry>],
        period: Period,
    ) -> Result<bool, LedgerError> {
        let limited: Vec<&Arc<Entry>> = entries.iter().filter(|entry| entry.is_limited()).collect();
        let mut wiped = false;
        for entries in limited.chunks(BATCH_CELLS_MAX) {
            let subjects: Vec<Subject> = entries.iter().map(|entry| entry.subject.clone()).collect();
            let sums = self
                .in_time(ledger.sums(period, &subjects, self.context.writer))
                .await?;
            for (entry, sum) in entries.iter().zip(sums) {
                wiped |= take_over(entry, period, &sum);
            }
        }
        Ok(wiped)
    }

    /// Whether the ledger has less of a cell than it was told, of a period that every ledger still keeps.
    async fn misses_sentinel(&self, ledger: &Ledger, period: Period) -> Result<bool, LedgerError> {
        let sentinel = self
            .context
            .sentinel
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(cell) = sentinel.filter(|cell| cell.period >= period.previous()) else {
            // Nothing to compare; but whether the ledger is there is to be known even if nothing is counted.
            return self.in_time(ledger.ping()).await.map(|()| false);
        };
        let sums = self
            .in_time(ledger.sums(cell.period, &[cell.subject], cell.writer))
            .await?;
        Ok(sums.iter().any(|sum| sum.own.max(cell.totals) != sum.own))
    }

    /// The shared ledger is to be told everything again, also what earlier writers counted here.
    async fn forget_pushed(&self, entries: &[Arc<Entry>]) -> Result<(), LedgerError> {
        for month in entries.iter().flat_map(|entry| entry.months()) {
            let mut book = month.book();
            book.pushed = Totals::ZERO;
            book.seen = Totals::ZERO;
        }
        if let Some(checkpoints) = &self.context.settings.checkpoints {
            let others = checkpoints
                .file
                .others_since(self.context.writer, Period::FIRST)
                .await?;
            self.context
                .unsettled
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(others);
        }
        Ok(())
    }

    /// Answers within the operation timeout, whatever the ledger does.
    async fn in_time<T>(&self, operation: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
        let late = |_| LedgerError::new(ErrorKind::Unavailable, "waiting", "there was no answer in time");
        timeout(self.context.settings.operation_timeout, operation)
            .await
            .map_err(late)?
    }
}

fn note_pushed(entries: &[Arc<Entry>], cells: &[Cell]) {
    let by_name: HashMap<&Subject, &Arc<Entry>> = entries.iter().map(|entry| (&entry.subject, entry)).collect();
    for cell in cells {
        let month = by_name
            .get(&cell.subject)
            .and_then(|entry| entry.month_if_any(cell.period));
        if let Some(month) = month {
            let mut book = month.book();
            book.pushed = book.pushed.max(cell.totals);
        }
    }
}

/// What others have used never goes down, whatever the ledger says. Answers whether it says less than it did.
fn take_over(entry: &Entry, period: Period, sum: &Sum) -> bool {
    let month = entry.month(period);
    let wiped = {
        let mut book = month.book();
        let less = |now: Totals, before: Totals| now.max(before) != now;
        let wiped = less(sum.all, book.seen) || less(sum.own, book.pushed);
        book.seen = book.seen.max(sum.all);
        wiped
    };
    let mut gate = month.gate();
    gate.others = gate.others.max(sum.others());
    entry.follow_within(month, &mut gate);
    wiped && entry.context.link() != Link::Absent
}
