//! What went through a node.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// What went through a node and everything below it, in one direction, since it was made. No field but `waiting` ever falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Bytes moved, delayed or not.
    pub bytes: u64,
    /// How often someone had to wait.
    pub waits: u64,
    /// How long they waited, together. A wait is added at its end.
    pub waited: Duration,
    /// How many wait at this moment.
    pub waiting: u64,
}

impl Counters {
    pub(crate) fn add(&mut self, other: Counters) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.waits = self.waits.saturating_add(other.waits);
        self.waited = self.waited.saturating_add(other.waited);
        self.waiting = self.waiting.saturating_add(other.waiting);
    }

    /// The greater of each that never falls.
    pub(crate) fn at_least(self, floor: Counters) -> Counters {
        Counters {
            bytes: self.bytes.max(floor.bytes),
            waits: self.waits.max(floor.waits),
            waited: self.waited.max(floor.waited),
            waiting: self.waiting,
        }
    }
}

/// The counters of one node alone.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    bytes: AtomicU64,
    waits: AtomicU64,
    waited_ns: AtomicU64,
    waiting: AtomicU32,
}

impl Cells {
    pub(crate) fn read(&self) -> Counters {
        Counters {
            bytes: self.bytes.load(Relaxed),
            waits: self.waits.load(Relaxed),
            waited: Duration::from_nanos(self.waited_ns.load(Relaxed)),
            waiting: u64::from(self.waiting.load(Relaxed)),
        }
    }

    pub(crate) fn note_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn note_wait_begins(&self) {
        self.waits.fetch_add(1, Relaxed);
        self.waiting.fetch_add(1, Relaxed);
    }

    pub(crate) fn note_wait_ends(&self, waited_ns: u64) {
        self.waiting.fetch_sub(1, Relaxed);
        self.waited_ns.fetch_add(waited_ns, Relaxed);
    }
}
