//! One change of a batch, while it is described.

use nexus_metric::Kind;
use serde::{Serialize, Serializer};

use super::Batch;
use crate::{Number, number::Spelled};

/// One change of a [`Batch`], while it is described: which metric and labels, and what is made if they do not exist.
///
/// As with [`Metric`](crate::Metric), a change without a kind acts on a metric that exists, and one with a kind makes it
/// first if it is missing.
#[derive(Debug)]
#[must_use = "nothing is added before a verb is called"]
pub struct Item<'a> {
    batch: &'a mut Batch,
    metric: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    kind: Option<Kind>,
    help: &'a str,
    unit: &'a str,
    buckets: &'a [f64],
}

impl<'a> Item<'a> {
    pub(super) fn new(batch: &'a mut Batch, metric: &'a str) -> Self {
        Item {
            batch,
            metric,
            labels: Vec::new(),
            kind: None,
            help: "",
            unit: "",
            buckets: &[],
        }
    }

    /// Adds a label; an empty value is as good as no label.
    pub fn label(mut self, name: &'a str, value: &'a str) -> Self {
        self.labels.push((name, value));
        self
    }

    /// Adds labels.
    pub fn labels(mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.labels.extend(labels);
        self
    }

    /// What the metric is, so that this change can make it. If there is one of another kind, the batch is refused.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The description, if the metric is made.
    pub fn help(mut self, help: &'a str) -> Self {
        self.help = help;
        self
    }

    /// The unit, if the metric is made: a suffix of its name, such as `seconds` or `bytes`.
    pub fn unit(mut self, unit: &'a str) -> Self {
        self.unit = unit;
        self
    }

    /// The buckets' upper bounds, rising, without the infinite one, if the metric is made; says that it is a histogram.
    pub fn buckets(mut self, bounds: &'a [f64]) -> Self {
        self.buckets = bounds;
        self.kind(Kind::Histogram)
    }

    /// Makes the metric and this series, with value 0, unless they exist. Without a kind it is a gauge.
    pub fn create(self) {
        self.push(Op::Create);
    }

    /// Gives the series a value.
    pub fn update(self, value: impl Number) {
        self.push(Op::Set(value.to_f64()));
    }

    /// Adds one.
    pub fn increment(self) {
        self.push(Op::Inc);
    }

    /// Takes one away.
    pub fn decrement(self) {
        self.push(Op::Dec);
    }

    /// Adds `value`.
    pub fn add(self, value: impl Number) {
        self.push(Op::Add(value.to_f64()));
    }

    /// Takes `value` away.
    pub fn subtract(self, value: impl Number) {
        self.push(Op::Sub(value.to_f64()));
    }

    /// Counts `value` in its bucket; for histograms.
    pub fn observe(self, value: impl Number) {
        self.push(Op::Observe(value.to_f64()));
    }

    /// Counts many observations that were sorted into buckets already; for histograms.
    ///
    /// `counts` has one number for each bucket, and one more for what is above the last bound: how many observations are
    /// in that bucket and in none before it. `sum` is the sum of the observations. The bounds must be those that the
    /// histogram has.
    pub fn merge(self, counts: &[u64], sum: impl Number) {
        self.push(Op::Merge(counts, sum.to_f64()));
    }

    /// Removes exactly this series; if no label was given, the metric with all its series.
    pub fn delete(self) {
        self.push(Op::Delete);
    }

    fn push(self, op: Op<'_>) {
        let deletes = matches!(op, Op::Delete);
        let line = Line {
            op: op.name(),
            metric: self.metric,
            labels: Some(Pairs(&self.labels)).filter(|labels| !labels.0.is_empty()),
            value: op.value().map(Spelled),
            counts: op.counts(),
            sum: op.sum().map(Spelled),
            kind: self.kind.filter(|_| !deletes).map(Kind::as_str),
            help: Some(self.help).filter(|help| !deletes && !help.is_empty()),
            unit: Some(self.unit).filter(|unit| !deletes && !unit.is_empty()),
            buckets: Some(Bounds(self.buckets)).filter(|bounds| !deletes && !bounds.0.is_empty()),
        };
        self.batch.push(&line);
    }
}

#[derive(Debug, Clone, Copy)]
enum Op<'a> {
    Create,
    Set(f64),
    Add(f64),
    Sub(f64),
    Inc,
    Dec,
    Observe(f64),
    Merge(&'a [u64], f64),
    Delete,
}

impl<'a> Op<'a> {
    fn name(self) -> &'static str {
        match self {
            Op::Create => "create",
            Op::Set(_) => "set",
            Op::Add(_) => "add",
            Op::Sub(_) => "sub",
            Op::Inc => "inc",
            Op::Dec => "dec",
            Op::Observe(_) => "observe",
            Op::Merge(..) => "merge",
            Op::Delete => "delete",
        }
    }

    fn value(self) -> Option<f64> {
        match self {
            Op::Set(value) | Op::Add(value) | Op::Sub(value) | Op::Observe(value) => Some(value),
            Op::Create | Op::Inc | Op::Dec | Op::Merge(..) | Op::Delete => None,
        }
    }

    fn counts(self) -> Option<&'a [u64]> {
        match self {
            Op::Merge(counts, _) => Some(counts),
            _ => None,
        }
    }

    fn sum(self) -> Option<f64> {
        match self {
            Op::Merge(_, sum) => Some(sum),
            _ => None,
        }
    }
}

/// A change as the hub reads it.
#[derive(Serialize)]
struct Line<'a> {
    op: &'static str,
    metric: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Pairs<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Spelled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<&'a [u64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<Spelled>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buckets: Option<Bounds<'a>>,
}

/// In the order given, and with what is given twice, which the hub refuses.
struct Pairs<'a>(&'a [(&'a str, &'a str)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

struct Bounds<'a>(&'a [f64]);

impl Serialize for Bounds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().copied().map(Spelled))
    }
}
