//! What became of everything that a log was given.

use std::ops::AddAssign;

use crate::id::EventOutcome;

/// What became of everything that a log was given. At every moment `received = stored + duplicate + dropped + pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Records and events that came, and records that a log before this one left on disk.
    pub received: u64,
    /// Those that are in the sink, among them the quarantined ones.
    pub stored: u64,
    /// Those of the stored ones that are kept apart, since their time is too far in the future.
    pub quarantined: u64,
    /// Those that had been stored before.
    pub duplicate: u64,
    /// Those that will never be stored.
    pub dropped: Dropped,
    /// Those that wait: in memory, on disk, or for the sink's answer.
    pub pending: u64,
}

/// Why records were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Dropped {
    /// Memory was full.
    pub queue_full: u64,
    /// Memory was full since the disk's share was, or since the disk failed.
    pub spill_full: u64,
    /// The record alone is larger than a record may be.
    pub too_large: u64,
    /// Something else had been stored under the id.
    pub conflict: u64,
    /// Too late to know whether it is a repeat.
    pub too_old: u64,
    /// The sink does not take such a record.
    pub refused: u64,
    /// They waited on disk, where they cannot be read any more.
    pub damaged: u64,
    /// The sink could not take an event in time; whoever posted it was told, and still has it.
    pub unavailable: u64,
    /// The log had been closed, or was closed before the sink took it.
    pub closed: u64,
}

impl Dropped {
    /// Each reason with its name.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 9] {
        [
            ("queue_full", self.queue_full),
            ("spill_full", self.spill_full),
            ("too_large", self.too_large),
            ("conflict", self.conflict),
            ("too_old", self.too_old),
            ("refused", self.refused),
            ("damaged", self.damaged),
            ("unavailable", self.unavailable),
            ("closed", self.closed),
        ]
    }

    /// For all reasons.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        self.queue_full += other.queue_full;
        self.spill_full += other.spill_full;
        self.too_large += other.too_large;
        self.conflict += other.conflict;
        self.too_old += other.too_old;
        self.refused += other.refused;
        self.damaged += other.damaged;
        self.unavailable += other.unavailable;
        self.closed += other.closed;
    }
}

impl Counts {
    /// Counts `records` that were pending and have this fate.
    pub(crate) fn settle(&mut self, fate: EventOutcome, records: u64) {
        match fate {
            EventOutcome::Stored => self.stored += records,
            EventOutcome::Quarantined => {
                self.stored += records;
                self.quarantined += records;
            }
            EventOutcome::Duplicate => self.duplicate += records,
            EventOutcome::Conflict => self.dropped.conflict += records,
            EventOutcome::TooOld => self.dropped.too_old += records,
            EventOutcome::Refused => self.dropped.refused += records,
        }
    }
}
