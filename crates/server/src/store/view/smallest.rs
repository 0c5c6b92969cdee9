//! The first series of a family in the order of its pages, found in one pass over blocks that are in no order.

use super::cursor::{Digest, Position};

/// A series by its labels.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) labels: Box<str>,
    digest: Option<Digest>,
}

impl Found {
    pub(super) fn position(&self) -> Position<'_> {
        Position::with(&self.labels, self.digest)
    }
}

/// Keeps the first few of all that it is given. It never holds more than twice as many, so that each one that is given costs
/// a few comparisons, whatever their order.
#[derive(Debug)]
pub(super) struct Smallest {
    keep: usize,
    found: Vec<Found>,
    /// The index of the last of the first few, once there were more than those.
    last: Option<usize>,
}

impl Smallest {
    pub(super) fn new(keep: usize) -> Self {
        Smallest {
            keep,
            found: Vec::new(),
            last: None,
        }
    }

    /// Whether a series at this position may be one of the first few.
    pub(super) fn takes(&self, position: Position<'_>) -> bool {
        let last = self.last.and_then(|last| self.found.get(last));
        last.is_none_or(|last| position < last.position())
    }

    pub(super) fn push(&mut self, labels: &str, position: Position<'_>) {
        self.found.push(Found {
            labels: labels.into(),
            digest: position.digest,
        });
        if self.found.len() >= self.keep.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if let Some(last) = self.keep.checked_sub(1).filter(|last| *last < self.found.len()) {
            self.found
                .select_nth_unstable_by(last, |a, b| a.position().cmp(&b.position()));
            self.last = Some(last);
        }
        self.found.truncate(self.keep);
    }

    /// The first few, in their order.
    pub(super) fn sorted(mut self) -> Vec<Found> {
        self.cut();
        self.found.sort_unstable_by(|a, b| a.position().cmp(&b.position()));
        self.found
    }
}
