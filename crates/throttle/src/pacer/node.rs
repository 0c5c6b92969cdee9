//! What the scheduler knows of one node while it has, or lately had, anything to do with it.

use std::collections::BTreeSet;

use super::{
    bucket::{Bucket, LATENESS_MAX},
    quantum::{Share, quantum_of},
    slab::Id,
};
use crate::limits::Limits;

/// Virtual time: bytes that a child of weight 1 would have got, with 32 bits below the point.
pub(super) type Tag = u128;

pub(super) fn virtual_time(bytes: u64, weight: u64) -> Tag {
    match bytes.checked_mul(1 << 32) {
        Some(scaled) => Tag::from(scaled / weight.max(1)),
        None => (Tag::from(bytes) << 32) / Tag::from(weight.max(1)),
    }
}

/// Who waits at a node: a node below it, or a flow of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Child {
    Node(Id),
    Flow(Id),
}

/// Where a node stands. It keeps the keys under which it is filed, so that it is found again after they changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nobody below it waits (or all who do wait at a gate further down).
    Out,
    /// Someone waits for its gate, which opens then.
    Gated { opens_at: u64 },
    /// It competes with its siblings; by its guarantee from then on, if it has one.
    Eligible { tag: Tag, due_at: Option<u64> },
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: Option<Id>,
    /// How many refer to it: nodes of which it is the parent, and flows that did not take their turn yet.
    pub(super) holders: u32,
    pub(super) weight: u64,
    pub(super) ceiling: Bucket,
    pub(super) guarantee: Bucket,
    /// Its own virtual time among its siblings.
    pub(super) tag: Tag,
    /// The virtual time of its children: the tag of the one served last.
    pub(super) clock: Tag,
    pub(super) served_ns: u64,
    /// Is the turn that is being given one by its guarantee?
    pub(super) by_guarantee: bool,
    pub(super) place: Place,
    /// The children that compete, by tag; and those with a guarantee, by when it is due.
    pub(super) by_tag: BTreeSet<(Tag, Child)>,
    pub(super) by_due: BTreeSet<(u64, Child)>,
    /// The sum of the weights of the children that are not out.
    pub(super) weights: u64,
}

impl Node {
    pub(super) fn new(parent: Option<Id>, limits: &Limits, clock: Tag, now: u64) -> Self {
        Self {
            parent,
            holders: 0,
            weight: u64::from(limits.weight.get()),
            ceiling: Bucket::new(limits.rate.get(), limits.burst_bytes, now),
            guarantee: Bucket::new(limits.guaranteed.get(), 0, now),
            tag: clock,
            clock: 0,
            served_ns: 0,
            by_guarantee: false,
            place: Place::Out,
            by_tag: BTreeSet::new(),
            by_due: BTreeSet::new(),
            weights: 0,
        }
    }

    pub(super) fn change(&mut self, limits: &Limits, now: u64) {
        self.weight = u64::from(limits.weight.get());
        let rate = limits.rate.get();
        self.ceiling.change(rate, limits.burst_bytes, quantum_of(rate), now);
        self.guarantee.change(limits.guaranteed.get(), 0, 0, now);
    }

    pub(super) fn place_at(&self, now: u64) -> Place {
        let opens_at = self.ceiling.opens_at();
        if self.by_tag.is_empty() {
            Place::Out
        } else if opens_at > now {
            Place::Gated { opens_at }
        } else {
            Place::Eligible {
                tag: self.tag,
                due_at: (self.guarantee.rate() > 0).then(|| self.guarantee.opens_at()),
            }
        }
    }

    /// The child whose turn it is, and whether by its guarantee.
    pub(super) fn next(&self, now: u64) -> Option<(Child, bool)> {
        match self.by_due.first() {
            Some((due_at, child)) if *due_at <= now => Some((*child, true)),
            _ => self.by_tag.first().map(|(_, child)| (*child, false)),
        }
    }

    pub(super) fn share(&self, parent: Share, weights: u64) -> Share {
        let part = parent.part(self.weight, weights);
        part.below(self.ceiling.rate()).at_least(self.guarantee.rate())
    }

    /// Is there nothing to remember?
    pub(super) fn is_as_new(&self, now: u64) -> bool {
        self.holders == 0
            && self.weights == 0
            && self.by_tag.is_empty()
            && is_idle(self.served_ns, now)
            && self.ceiling.is_as_new(now)
    }
}

/// Has it done nothing for longer than a waiter may be late?
pub(super) fn is_idle(served_ns: u64, now: u64) -> bool {
    u128::from(now.saturating_sub(served_ns)) > LATENESS_MAX.as_nanos()
}

/// The virtual time at which one joins the others. Whoever was served a moment ago has its own; whoever comes from idleness
/// has no claim on what it did not use, and stands behind those who wait by what it wants: so one who is always new
/// gains nothing by it, and a small request waits least.
pub(super) fn join(tag: Tag, served_ns: u64, clock: Tag, wanted: u64, weight: u64, now: u64) -> Tag {
    if served_ns > 0 && !is_idle(served_ns, now) {
        tag
    } else {
        tag.max(clock.saturating_add(virtual_time(wanted, weight)))
    }
}
