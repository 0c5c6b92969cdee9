//! The central noun: a [`Write`] is the only way in which the state changes.
//!
//! Adapters (REST, batch, the library) make writes; the [store](crate::store) journals, applies and answers them.

mod codec;
mod refusal;
mod validate;
mod view;

pub(crate) use codec::{CodecError, Reader, RecordedWrite};
pub(crate) use refusal::{Reason, Refusal};
pub(crate) use validate::RequestLimits;
pub(crate) use view::{Amount, ChangeView, TargetView};

use std::sync::Arc;

use nexus_metric::{Buckets, Family, Kind, Labels, Name};

use crate::selector::Selector;

/// A list of changes that happens whole or not at all.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    /// The name of the API key on whose behalf it happens; it owns the series that come into being.
    pub(crate) owner: Arc<str>,
    /// What makes a repeat of this write harmless, if the client gave a key for that.
    pub(crate) idempotency: Option<Idempotency>,
    /// The changes, in order. Each sees what the ones before it did.
    pub(crate) changes: Vec<Change>,
}

/// Identifies a request, so that its repeat can be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Idempotency {
    /// Digest of the API key's name and the client's key.
    pub(crate) id: [u8; 16],
    /// Digest of method, raw path and query, and body.
    pub(crate) fingerprint: [u8; 8],
}

/// One change of the state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Make the family and the series if they are missing; a new series begins at zero.
    Create {
        /// What to make.
        target: Target,
    },
    /// Give a gauge, a counter or an untyped series this value. A counter must not go down.
    Set {
        /// Which series.
        target: Target,
        /// The value after the change.
        value: f64,
    },
    /// Add to a gauge, a counter or an untyped series. A counter must not go down.
    Add {
        /// Which series.
        target: Target,
        /// What to add; negative to subtract.
        delta: f64,
    },
    /// Put one observation into a histogram.
    Observe {
        /// Which series.
        target: Target,
        /// The observed value.
        value: f64,
    },
    /// Put many observations, counted already, into a histogram.
    Merge {
        /// Which series.
        target: Target,
        /// The observations.
        delta: HistogramDelta,
    },
    /// Remove a whole family (`labels: None`) or exactly one series.
    Delete {
        /// The family's name.
        family: Name,
        /// The series' labels.
        labels: Option<Labels>,
    },
    /// Remove every series that a selector matches, of families whose names have the prefix. A selector that looks at
    /// names only removes families whole; otherwise they stay, even without a series.
    DeleteMatching {
        /// Which series.
        selector: Selector,
        /// What the API key may touch; empty for everything.
        prefix: Box<str>,
    },
}

/// The series that a change is about, and what its family is if it must be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// The family's name.
    pub(crate) family: Name,
    /// The series' labels.
    pub(crate) labels: Labels,
    /// Makes the family if it is missing; must not contradict it if it is there.
    pub(crate) define: Option<Arc<Definition>>,
}

/// What a family is to be. What is `None` is taken as it is if the family exists.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Definition {
    /// Its kind; a gauge if nothing is said.
    pub(crate) kind: Option<Kind>,
    /// Its help text.
    pub(crate) help: Box<str>,
    /// Its unit.
    pub(crate) unit: Box<str>,
    /// A histogram's bounds; Prometheus' defaults if nothing is said.
    pub(crate) buckets: Option<Buckets>,
}

/// Observations counted in the buckets of a histogram: not cumulative, the last one is `+Inf`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HistogramDelta {
    /// Observations per bucket, one more than the family has bounds.
    pub(crate) counts: Box<[u64]>,
    /// The sum of the observed values.
    pub(crate) sum: f64,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// It happened, and is as durable as the hub's [durability](crate::config::Durability) promises.
    Applied(Applied),
    /// It happened before, under the same idempotency key; nothing happened again.
    Replayed(Applied),
    /// Nothing happened: the idempotency key was used for another request.
    KeyReused,
    /// Nothing happened; the reasons, at most [`Refusal::LIST_MAX`] of them.
    Refused(Vec<Refusal>),
    /// The journal failed under it: it may or may not survive a crash.
    Unknown,
    /// Nothing happened, because the hub does not accept writes for a while.
    Unavailable(Unavailable),
}

/// The facts about a write that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The sequence of its last change.
    pub(crate) sequence: u64,
    /// How many series came into being.
    pub(crate) created: u64,
    /// How many series went away.
    pub(crate) deleted: u64,
}

/// Why the hub accepts no writes for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// More writes are waiting than the queue holds.
    QueueFull,
    /// The journal cannot be written; scrapes go on.
    ReadOnly,
    /// The hub is stopping.
    Stopping,
}

impl Change {
    /// The series that the change is about; none for deletions.
    #[must_use]
    pub(crate) fn target(&self) -> Option<&Target> {
        match self {
            Change::Create { target }
            | Change::Set { target, .. }
            | Change::Add { target, .. }
            | Change::Observe { target, .. }
            | Change::Merge { target, .. } => Some(target),
            Change::Delete { .. } | Change::DeleteMatching { .. } => None,
        }
    }

    /// Whether both are about series, and those are of one family.
    pub(crate) fn is_of_the_same_family(&self, other: &Self) -> bool {
        match (self.target(), other.target()) {
            (Some(one), Some(other)) => one.family == other.family,
            _ => false,
        }
    }
}

impl Definition {
    /// A definition that says only the kind.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn of(kind: Kind) -> Self {
        Definition {
            kind: Some(kind),
            ..Definition::default()
        }
    }

    /// The family that comes into being if there is none of that name.
    #[must_use]
    pub(crate) fn family(&self, name: &Name) -> Family {
        let kind = self.kind.unwrap_or(Kind::Gauge);
        let buckets = match kind {
            Kind::Histogram => self.buckets.clone().unwrap_or_else(Buckets::prometheus_default),
            _ => Buckets::default(),
        };
        Family {
            name: name.clone(),
            kind,
            help: self.help.clone(),
            unit: self.unit.clone(),
            buckets,
        }
    }
}
