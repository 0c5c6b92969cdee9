//! Where the series of a write stand: looked up once, in runs of one family, for the check and for what follows it.

use super::State;
use crate::write::{Change, Refusals, Write};

/// The slot of each change's series, or `None` where there is no such series, or the change is about none.
#[derive(Debug, Default)]
pub(crate) struct FoundSeries {
    slots: Vec<Option<u32>>,
}

impl FoundSeries {
    /// By the places of the changes.
    pub(crate) fn slots(&self) -> &[Option<u32>] {
        &self.slots
    }

    /// Forgets those of changes that are refused.
    pub(crate) fn refuse(&mut self, refusals: &Refusals) {
        refusals.take_out_of(&mut self.slots);
    }
}

impl State {
    /// Looks for all series of a write.
    pub(crate) fn find_all(&self, write: &Write<'_>) -> FoundSeries {
        let mut slots = Vec::with_capacity(write.changes.len());
        for of_one_family in write.changes.chunk_by(Change::is_of_the_same_family) {
            let mut targets = of_one_family.iter().filter_map(Change::target).peekable();
            match targets.peek().and_then(|target| self.family(target.family.as_str())) {
                Some(family) => family.find_all(targets.map(|target| target.labels.as_str()), &mut slots),
                None => slots.resize(slots.len() + of_one_family.len(), None),
            }
        }
        FoundSeries { slots }
    }
}
