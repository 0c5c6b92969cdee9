//! What a node knows of its children.

use std::sync::{Arc, Weak};

use super::{Inner, Limiter};
use crate::{
    counters::Counters,
    limits::{Direction, Each, Limits},
};

/// What a node knows of its children. Those without any have none of this.
#[derive(Debug, Default)]
pub(super) struct Children {
    places: Vec<Option<Weak<Inner>>>,
    free: Vec<usize>,
    /// The limits of those to come.
    pub(super) limits: Arc<Each<Limits>>,
    /// What those counted that are gone.
    pub(super) past: Each<Counters>,
    reported: Each<Counters>,
}

impl Children {
    /// The place under which to remove it.
    pub(super) fn insert(&mut self, child: Weak<Inner>) -> usize {
        let place = self.free.pop().unwrap_or(self.places.len());
        match self.places.get_mut(place) {
            Some(free) => *free = Some(child),
            None => self.places.push(Some(child)),
        }
        place
    }

    pub(super) fn remove(&mut self, place: usize, counted: Each<Counters>) {
        if let Some(child) = self.places.get_mut(place) {
            *child = None;
            self.free.push(place);
        }
        for direction in Direction::BOTH {
            self.past.of_mut(direction).add(*counted.of(direction));
        }
    }

    /// To be dropped only when the lock is released: the last handle of a child needs it.
    pub(super) fn present(&self) -> Vec<Limiter> {
        self.places
            .iter()
            .flatten()
            .filter_map(|child| child.upgrade().map(Limiter))
            .collect()
    }

    /// A reading that is not below the last one.
    pub(super) fn report(&mut self, direction: Direction, total: Counters) -> Counters {
        let reported = self.reported.of_mut(direction);
        *reported = total.at_least(*reported);
        *reported
    }
}
