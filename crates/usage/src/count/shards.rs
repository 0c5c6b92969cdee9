//! Totals that many threads add to at once.

use super::{AtomicAmount, slot};
use crate::{Amount, Totals};

/// Totals that many threads add to at once.
///
/// Each thread that has a slot of its own adds to a cache line of its own: a load, an addition, a store, none of them locked,
/// since nobody else stores there. All others share one line and add to it atomically. Whoever reads sums up; each field only
/// ever grows, in every reader's eyes.
#[derive(Debug)]
pub(crate) struct Shards {
    own: Box<[Line]>,
    common: Line,
    taken: Line,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line(AtomicAmount);

impl Shards {
    pub(crate) fn new() -> Self {
        Shards {
            own: (0..*slot::SLOTS).map(|_| Line::default()).collect(),
            common: Line::default(),
            taken: Line::default(),
        }
    }

    #[inline]
    pub(crate) fn add(&self, amount: Amount) {
        match slot::of_this_thread().and_then(|slot| self.own.get(slot)) {
            Some(line) => line.0.add_alone(amount),
            None => self.common.0.add(amount),
        }
    }

    pub(crate) fn take_back(&self, amount: Amount) {
        self.taken.0.add(amount);
    }

    #[inline]
    pub(crate) fn totals(&self) -> Totals {
        // Slots are given from the lowest on: beyond the highest ever given there is nothing.
        let own = self.own.iter().take(slot::ever_taken()).map(|line| line.0.read());
        Totals {
            added: own.fold(self.common.0.read(), Amount::plus),
            taken: self.taken.0.read(),
        }
    }
}
