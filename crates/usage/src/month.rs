//! One subject in one period, as this process sees it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::{
    Amount, Calendar, Cell, Milestone, Period, Reason, Subject, Time, Totals, WriterId, count::Shards, gate::Gate,
};

/// One subject in one period, as this process sees it.
#[derive(Debug)]
pub(crate) struct Month {
    pub(crate) period: Period,
    start: Time,
    end: Time,
    shards: Shards,
    gate: Mutex<Gate>,
    book: Mutex<Book>,
    /// Held by the one who asks the shared ledger for this month.
    pub(crate) asking: tokio::sync::Mutex<Asking>,
}

/// What has become of the totals so far.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// What the checkpoint has.
    pub(crate) kept: Totals,
    /// What the shared ledger has been told, and has answered.
    pub(crate) pushed: Totals,
    /// What the shared ledger has said of all writers.
    pub(crate) seen: Totals,
    /// Bit 3 * field + milestone.
    pub(crate) told: u16,
}

/// What is remembered from one question to the next.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    /// Nothing was left, or there was no answer; it is not asked again before this.
    pub(crate) dry_until: Option<(Instant, Reason)>,
    /// What nobody held after the last grant.
    pub(crate) left: Amount,
    /// When the lease that was granted last ends, by a clock that nobody sets.
    pub(crate) ends: Option<Instant>,
    /// Own use when it was last renewed.
    pub(crate) used_then: Amount,
}

impl Month {
    pub(crate) fn new(period: Period, calendar: &Calendar, others: Totals) -> Self {
        Month {
            period,
            start: calendar.start(period),
            end: calendar.end(period),
            shards: Shards::new(),
            gate: Mutex::new(Gate::new(others)),
            book: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    #[inline]
    pub(crate) fn contains(&self, at: Time) -> bool {
        self.start <= at && at < self.end
    }

    pub(crate) fn end(&self) -> Time {
        self.end
    }

    #[inline]
    pub(crate) fn record(&self, amount: Amount) {
        self.shards.add(amount);
    }

    pub(crate) fn take_back(&self, amount: Amount) {
        self.shards.take_back(amount);
    }

    /// All that this process has counted.
    pub(crate) fn totals(&self) -> Totals {
        self.totals_within(&self.gate())
    }

    /// The same, for who holds the gate.
    #[inline]
    pub(crate) fn totals_within(&self, gate: &Gate) -> Totals {
        let Totals { added, taken } = self.shards.totals();
        let max = Amount::from_fn(|_| Totals::VALUE_MAX);
        Totals {
            added: added.plus(gate.settled).min(max),
            taken: taken.min(max),
        }
    }

    #[inline]
    pub(crate) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cell(&self, writer: WriterId, subject: &Subject) -> Cell {
        Cell {
            writer,
            subject: subject.clone(),
            period: self.period,
            totals: self.totals(),
        }
    }
}

impl Book {
    /// Marks a milestone as told; answers whether it was not.
    pub(crate) fn tell(&mut self, field: crate::Field, milestone: Milestone) -> bool {
        let bit = 1 << (3 * field as u16 + milestone as u16);
        let new = self.told & bit == 0;
        self.told |= bit;
        new
    }
}
