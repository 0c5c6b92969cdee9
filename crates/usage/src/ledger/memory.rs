//! A ledger in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Answer, Claim, ErrorKind, Lease, LedgerError, Pushed, Row, Sum, claim::Held};
use crate::{Amount, Cell, Period, Subject, Time, Totals, WriterId};

/// Everything in a map under a lock that is held for a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<(Period, Subject), Entry>,
    /// Periods before this one are closed.
    kept_from: Option<Period>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Entry {
    /// Of the writers whose cells were folded.
    compacted: Totals,
    cells: HashMap<WriterId, Stored>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Stored {
    totals: Totals,
    claimed: Amount,
    valid_until: Time,
}

impl Stored {
    fn held(&self, now: Time) -> Amount {
        Held {
            used: self.totals.used(),
            claimed: self.claimed,
            valid_until: self.valid_until,
        }
        .at(now)
    }
}

impl Entry {
    fn sum(&self) -> Totals {
        self.cells
            .values()
            .fold(self.compacted, |sum, stored| sum.plus(stored.totals))
    }

    fn others_hold(&self, writer: WriterId, now: Time) -> Amount {
        let others = self.cells.iter().filter(|(other, _)| **other != writer);
        others.fold(self.compacted.used(), |sum, (_, stored)| sum.plus(stored.held(now)))
    }
}

impl State {
    /// Merges a cell and answers its entry; none if its period is closed.
    fn merge(&mut self, cell: &Cell) -> Option<&mut Entry> {
        if self.kept_from.is_some_and(|first| cell.period < first) {
            return None;
        }
        let entry = self.entries.entry((cell.period, cell.subject.clone())).or_default();
        let stored = entry.cells.entry(cell.writer).or_default();
        stored.totals = stored.totals.max(cell.totals);
        Some(entry)
    }
}

impl Memory {
    #[expect(clippy::unused_self, reason = "every kind of ledger is asked the same way")]
    pub(super) fn name(&self) -> &'static str {
        "memory"
    }

    pub(super) async fn push(&self, cells: &[Cell]) -> Result<Pushed, LedgerError> {
        let mut state = self.open("merging cells")?;
        let closed = cells.iter().filter(|cell| state.merge(cell).is_none()).count();
        Ok(Pushed { closed: closed as u64 })
    }

    pub(super) async fn sums(
        &self,
        period: Period,
        subjects: &[Subject],
        writer: WriterId,
    ) -> Result<Vec<Sum>, LedgerError> {
        let state = self.open("reading sums")?;
        let sum = |subject: &Subject| match state.entries.get(&(period, subject.clone())) {
            Some(entry) => Sum {
                all: entry.sum(),
                own: entry.cells.get(&writer).map_or(Totals::ZERO, |stored| stored.totals),
            },
            None => Sum::default(),
        };
        Ok(subjects.iter().map(sum).collect())
    }

    pub(super) async fn report(&self, first: Period, last: Period) -> Result<Vec<Row>, LedgerError> {
        let state = self.open("making a report")?;
        let wanted = state
            .entries
            .iter()
            .filter(|((period, _), _)| (first..=last).contains(period));
        let rows = wanted.map(|((period, subject), entry)| Row {
            period: *period,
            subject: subject.clone(),
            totals: entry.sum(),
        });
        Ok(rows.collect())
    }

    pub(super) async fn compact(&self, before: Period) -> Result<u64, LedgerError> {
        let mut state = self.open("compacting")?;
        state.kept_from = state.kept_from.max(Some(before));
        let mut folded = 0;
        for ((period, _), entry) in &mut state.entries {
            if *period < before {
                folded += entry.cells.len() as u64;
                entry.compacted = entry.sum();
                entry.cells.clear();
            }
        }
        Ok(folded)
    }

    pub(super) async fn ping(&self) -> Result<(), LedgerError> {
        self.open("pinging").map(drop)
    }

    pub(super) async fn lease(&self, claim: &Claim) -> Result<Lease, LedgerError> {
        let mut state = self.open("leasing")?;
        let Some(entry) = state.merge(&claim.cell) else {
            return Ok(Lease::default());
        };
        let lease = entry.grant(claim);
        entry.hold(claim, lease);
        Ok(lease)
    }

    pub(super) async fn admit(&self, claim: &Claim) -> Result<Answer, LedgerError> {
        let mut state = self.open("admitting")?;
        let Some(entry) = state.merge(&claim.cell) else {
            return Ok(Answer::Admitted(Lease::default()));
        };
        let lease = entry.grant(claim);
        if let Some(field) = claim.lacks(&lease) {
            return Ok(Answer::Refused(field));
        }
        entry.hold(claim, lease);
        Ok(Answer::Admitted(lease))
    }

    pub(super) async fn give_back(&self, cell: &Cell, up_to: Amount) -> Result<(), LedgerError> {
        let mut state = self.open("giving back")?;
        let stored = state.merge(cell).and_then(|entry| entry.cells.get_mut(&cell.writer));
        if let Some(stored) = stored {
            stored.claimed = stored.claimed.min(up_to);
        }
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.lock().closed = true;
    }

    #[cfg(feature = "faults")]
    pub(super) fn wipe(&self) {
        *self.lock() = State::default();
    }

    fn open(&self, operation: &'static str) -> Result<MutexGuard<'_, State>, LedgerError> {
        let state = self.lock();
        if state.closed {
            return Err(LedgerError::new(ErrorKind::Unavailable, operation, "it was closed"));
        }
        Ok(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn grant(&self, claim: &Claim) -> Lease {
        let writer = claim.cell.writer;
        let own = self
            .cells
            .get(&writer)
            .map_or(Amount::ZERO, |stored| stored.held(claim.at));
        claim.granted(own, self.others_hold(writer, claim.at))
    }

    fn hold(&mut self, claim: &Claim, lease: Lease) {
        let stored = self.cells.entry(claim.cell.writer).or_default();
        stored.claimed = lease.up_to;
        stored.valid_until = claim.at.after(claim.valid_for);
    }
}
