use std::fmt;

use nexus_metric::{Kind, Labels, Name, text::number};

/// Why one change of a write cannot be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// The change's place in the write, from 0.
    pub(crate) index: usize,
    /// What is wrong with it.
    pub(crate) reason: Reason,
}

impl Refusal {
    /// How many refusals of one write are listed; the rest is left out.
    pub(crate) const LIST_MAX: usize = 100;
}

/// What is wrong with a change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Reason {
    /// The family does not exist, and the change does not define it.
    #[error("there is no metric {0}")]
    UnknownFamily(Name),
    /// The series does not exist.
    #[error("there is no series {0}{1}")]
    UnknownSeries(Name, Labels),
    /// The family is of another kind than the change needs.
    #[error("{name} is a {is}: {wanted}")]
    KindConflict {
        /// The family.
        name: Name,
        /// What it is.
        is: Kind,
        /// What the change would need.
        wanted: String,
    },
    /// The family has other bucket bounds than the change needs.
    #[error("{0} has other buckets")]
    BucketsConflict(Name),
    /// Another family exposes a name that this one would expose too.
    #[error("{name} would expose {exposed}, which {by} exposes already")]
    NameCollision {
        /// The family to be made.
        name: Name,
        /// The name that both would expose.
        exposed: Box<str>,
        /// The family that is there.
        by: Name,
    },
    /// The name belongs to the hub itself.
    #[error("{0} is reserved: names that begin with metric_nexus_ or __ belong to the hub")]
    ReservedName(Name),
    /// The kind cannot be stored.
    #[error("{0} cannot be of type {1}: the hub keeps gauge, counter, histogram and untyped")]
    UnsupportedKind(Name, Kind),
    /// The label belongs to the exposition.
    #[error("label {0:?} is reserved for the hub's own use in histograms and summaries")]
    ReservedLabel(&'static str),
    /// Two labels of one series would be exposed under one name to scrapers that read no UTF-8 names.
    #[error("labels {one:?} and {other:?} would both be exposed as {exposed:?}")]
    LabelCollision {
        /// One label's name.
        one: Box<str>,
        /// The other's.
        other: Box<str>,
        /// What both look like.
        exposed: Box<str>,
    },
    /// A counter would go down.
    #[error("counter {name}{labels} cannot go down from {} to {}", Shown(*from), Shown(*to))]
    CounterDown {
        /// The family.
        name: Name,
        /// The series.
        labels: Labels,
        /// The value that it has.
        from: f64,
        /// The value that it would have.
        to: f64,
    },
    /// A counter or a histogram's sum would not be a finite number.
    #[error("{name}: {} is not a finite number, which a {kind} needs", Shown(*value))]
    NotFinite {
        /// The family.
        name: Name,
        /// Its kind.
        kind: Kind,
        /// The value.
        value: f64,
    },
    /// A limit would be passed.
    #[error("{what} is over the limit of {max} (limits.{setting})")]
    Limit {
        /// What there is too much of.
        what: String,
        /// How much is allowed.
        max: u64,
        /// The setting that says so.
        setting: &'static str,
    },
}

/// A value as it is exposed.
struct Shown(f64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        number::write(&mut text, self.0);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}
