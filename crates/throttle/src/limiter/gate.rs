//! Whether bytes pass a node without being looked at.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::rate::Rate;

/// Whether bytes pass a node without being looked at: all that the unlimited path ever reads.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicU8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Neither the node nor one above it has a limit.
    Free,
    Limited,
    Closed,
}

const FREE: u8 = 0;
const LIMITED: u8 = 1;
const CLOSED: u8 = 2;

impl Gate {
    pub(super) fn passage(&self) -> Passage {
        match self.0.load(Relaxed) {
            FREE => Passage::Free,
            LIMITED => Passage::Limited,
            _ => Passage::Closed,
        }
    }

    /// The gate of a node with this limit below this one.
    pub(super) fn below(&self, rate: Rate) -> Gate {
        let own = if rate.is_unlimited() { FREE } else { LIMITED };
        Gate(AtomicU8::new(own.max(self.0.load(Relaxed))))
    }

    pub(super) fn update(&self, above: Option<&Gate>, rate: Rate) -> bool {
        let next = above.unwrap_or(&Gate::default()).below(rate).0.into_inner();
        let before = self.0.load(Relaxed);
        if before == CLOSED || before == next {
            return false;
        }
        self.0.store(next, Relaxed);
        true
    }

    pub(super) fn close(&self) {
        self.0.store(CLOSED, Relaxed);
    }
}
