//! What was taken and is not acknowledged: which batch is sent, under which key, and what an answer means for it.
//!
//! *Invariant:* no clock, no network, no thread.
//! *Invariant:* what was taken from a series is either in here, or was taken over by the hub, or was reported.
//! *Invariant:* a batch that the hub may have is only ever sent again with the same bytes under the same key.

mod item;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use self::item::{Item, encode};
use super::{
    registry::Registry,
    report::{Amount, Undelivered},
    series::Taken,
};
use crate::{EncodedBatch, Error, IdempotencyKey};

/// What the hub said to a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// It has it, now or from an earlier try.
    Taken,
    /// It has none of it, because of these items: the place in the batch, and why.
    Refused(Vec<(usize, String)>),
    /// It has none of it, and does not say which items are at fault.
    RefusedWhole(String),
    /// The key may not write; somebody may mend that.
    NotAllowed(String),
    /// It has not answered to it yet.
    Later {
        why: String,
        /// What it asks for.
        retry_after: Option<Duration>,
        /// Whether it may have it.
        may_have_arrived: bool,
    },
}

/// How large a batch may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    pub(crate) items_max: usize,
    pub(crate) bytes_max: usize,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    limits: BatchLimits,
    /// Taken, and in no batch; by the series' id.
    held: BTreeMap<u64, Item>,
    /// To be sent one after the other. Only the first may be sealed.
    batches: VecDeque<Vec<Item>>,
    sealed: Option<Sealed>,
}

/// The first batch, as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub(crate) batch: EncodedBatch,
    pub(crate) key: IdempotencyKey,
    /// Whether the hub may have it.
    may_have_arrived: bool,
}

impl Outbox {
    pub(crate) fn new(limits: BatchLimits) -> Self {
        Outbox {
            limits,
            held: BTreeMap::new(),
            batches: VecDeque::new(),
            sealed: None,
        }
    }

    /// Whether it is time to [fill](Outbox::fill) it: all batches were answered.
    pub(crate) fn is_settled(&self) -> bool {
        self.batches.is_empty()
    }

    /// Takes what was counted, and puts it into batches with what is held already. What is counted while these are not
    /// answered stays in its series, so that there are never more than two entries here for each.
    pub(crate) fn fill(&mut self, registry: &Registry, mut refused: impl FnMut(Undelivered)) {
        self.collect(registry, &mut refused);
        let mut items: Vec<_> = std::mem::take(&mut self.held).into_values().collect();
        // Of each family in a batch, the first item tells what it is.
        items.sort_by(|a, b| a.shared.identity.name.cmp(&b.shared.identity.name));
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let batch = items.by_ref().take(self.limits.items_max.max(1)).collect();
            self.batches.push_back(batch);
        }
    }

    /// Takes what was counted, and holds it.
    pub(crate) fn collect(&mut self, registry: &Registry, mut refused: impl FnMut(Undelivered)) {
        registry.take(|taken| self.hold(taken, &mut refused));
    }

    fn hold(&mut self, taken: Taken<'_>, refused: &mut impl FnMut(Undelivered)) {
        let shared = taken.shared;
        if taken.invalid > 0 {
            let why = "NaN, an infinite value, or a negative one where that cannot be";
            refused(Undelivered::new(shared, Amount::Invalid(taken.invalid), why));
        }
        let Some(delta) = taken.delta else { return };
        if let Some(fault) = &shared.fault {
            refused(Undelivered::new(shared, Amount::of(&delta), fault));
            return;
        }
        let item = match self.held.remove(&shared.id) {
            Some(item) => item.then(delta),
            None => Item::new(shared.clone(), delta),
        };
        self.held.insert(shared.id, item);
    }

    /// The batch that is to be sent: the same, under the same key, until it is [answered](Outbox::answered).
    ///
    /// # Errors
    /// The system has no randomness for a key. Nothing is lost by that.
    pub(crate) fn next(&mut self, registry: &Registry) -> Result<Option<Sealed>, Error> {
        if self.sealed.is_none() {
            self.sealed = self.seal(registry)?;
        }
        Ok(self.sealed.clone())
    }

    fn seal(&mut self, registry: &Registry) -> Result<Option<Sealed>, Error> {
        loop {
            let Some(items) = self.batches.front() else {
                return Ok(None);
            };
            let batch = encode(items, &registry.families);
            if batch.encoded_len() > self.limits.bytes_max && items.len() > 1 {
                self.halve();
                continue;
            }
            return Ok(Some(Sealed {
                batch,
                key: IdempotencyKey::random()?,
                may_have_arrived: false,
            }));
        }
    }

    /// Does with the [next](Outbox::next) batch what the answer asks for.
    ///
    /// A refusal means that the hub has nothing of the batch, also if it may have had it before: a hub that has it says so
    /// before it looks at what a refusal depends on, or, for what it looks at first, would have refused it then too.
    pub(crate) fn answered(&mut self, answer: Answer, mut refused: impl FnMut(Undelivered)) {
        match answer {
            Answer::Taken => {
                self.sealed = None;
                self.batches.pop_front();
            }
            Answer::Refused(reasons) => self.refuse(&reasons, &mut refused),
            Answer::RefusedWhole(reason) => self.refuse_whole(&reason, &mut refused),
            Answer::NotAllowed(_) => self.take_back(),
            Answer::Later { may_have_arrived, .. } => {
                if let Some(sealed) = &mut self.sealed {
                    sealed.may_have_arrived |= may_have_arrived;
                }
            }
        }
    }

    fn refuse(&mut self, reasons: &[(usize, String)], refused: &mut impl FnMut(Undelivered)) {
        let Some(items) = self.batches.pop_front() else { return };
        self.sealed = None;
        let reasons: BTreeMap<usize, &str> = reasons.iter().map(|(index, why)| (*index, &**why)).collect();
        let before = items.len();
        let mut rest = Vec::with_capacity(before);
        for (index, item) in items.into_iter().enumerate() {
            match reasons.get(&index) {
                Some(why) => refused(item.undelivered(why)),
                None => rest.push(item),
            }
        }
        let named_none = rest.len() == before;
        if !rest.is_empty() {
            self.batches.push_front(rest);
        }
        if named_none {
            self.refuse_whole("the hub refused an item that is not in the batch", refused);
        }
    }

    /// Finds the items at fault by sending halves.
    fn refuse_whole(&mut self, reason: &str, refused: &mut impl FnMut(Undelivered)) {
        self.sealed = None;
        if self.batches.front().is_some_and(|items| items.len() > 1) {
            self.halve();
        } else if let Some(items) = self.batches.pop_front() {
            items.iter().for_each(|item| refused(item.undelivered(reason)));
        }
    }

    fn halve(&mut self) {
        let Some(mut first) = self.batches.pop_front() else {
            return;
        };
        let second = first.split_off(first.len() / 2);
        self.batches.push_front(second);
        self.batches.push_front(first);
    }

    /// Undoes the batches that the hub has not, so that what is counted later is sent with them, in batches of the usual
    /// size. The one that it may have waits as it is.
    fn take_back(&mut self) {
        if self.sealed.as_ref().is_some_and(|sealed| sealed.may_have_arrived) {
            return;
        }
        self.sealed = None;
        for item in self.batches.drain(..).flatten() {
            let item = match self.held.remove(&item.shared.id) {
                Some(later) => item.then(later.delta),
                None => item,
            };
            self.held.insert(item.shared.id, item);
        }
    }

    /// All that waits for the hub, but for series that were only to be made.
    pub(crate) fn unsent(&self, reason: &str) -> Vec<Undelivered> {
        let first_may_have = self.sealed.as_ref().is_some_and(|sealed| sealed.may_have_arrived);
        let in_batches = self.batches.iter().enumerate().flat_map(|(index, items)| {
            let may_have_arrived = index == 0 && first_may_have;
            items.iter().map(move |item| (item, may_have_arrived))
        });
        let held = self.held.values().map(|item| (item, false));
        in_batches
            .chain(held)
            .map(|(item, perhaps)| item.undelivered(reason).perhaps(perhaps))
            .filter(|item| item.amount() != Amount::Nothing)
            .collect()
    }
}
