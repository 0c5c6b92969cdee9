//! What a text in one of the formats says.

use crate::{Kind, Labels, Name};

/// What a text in one of the formats says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The families, in the order in which the text first mentions them.
    pub families: Vec<MetricFamily>,
}

/// A family with its series.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricFamily {
    /// The name, for counters and infos as their samples have it (`jobs_total`, `build_info`).
    pub name: Name,
    /// What it measures; [`Kind::Untyped`] if the text does not say.
    pub kind: Kind,
    /// Text for people; may be empty.
    pub help: Box<str>,
    /// OpenMetrics' unit; may be empty.
    pub unit: Box<str>,
    /// The series; may be empty, and no two have the same labels.
    pub metrics: Vec<Metric>,
}

/// One series: labels and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The labels, without `le` and `quantile` where those are no labels but bounds.
    pub labels: Labels,
    /// What was measured.
    pub value: Value,
    /// When it was measured, in seconds since 1970; 0.0.4 has whole milliseconds.
    pub timestamp: Option<f64>,
    /// When counting began, in seconds since 1970. OpenMetrics only.
    pub created: Option<f64>,
    /// An example behind a counter's value; those of a histogram stand with its buckets. OpenMetrics only.
    pub exemplar: Option<Exemplar>,
}

/// What was measured, in the shape that the kind of the family asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of every kind but the following.
    Number(f64),
    /// Of a histogram or a gauge histogram.
    Histogram(Histogram),
    /// Of a summary.
    Summary(Summary),
}

/// Observations counted in buckets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// By upper bound; the bounds rise strictly, the last is `+Inf`, and the counts never fall.
    pub buckets: Vec<Bucket>,
    /// The sum of all observations.
    pub sum: Option<f64>,
}

impl Histogram {
    /// How many observations there are: the count of the last bucket.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |bucket| bucket.count)
    }
}

/// The observations up to a bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// The bound, inclusive.
    pub upper: f64,
    /// How many observations were at most that large: cumulative.
    pub count: u64,
    /// An example of them. OpenMetrics only.
    pub exemplar: Option<Exemplar>,
}

/// Quantiles computed by the client.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// By quantile, each one once.
    pub quantiles: Vec<Quantile>,
    /// The sum of all observations.
    pub sum: Option<f64>,
    /// How many observations there were.
    pub count: Option<u64>,
}

/// The value that a share of the observations does not exceed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// The share, from 0 to 1.
    pub quantile: f64,
    /// The value.
    pub value: f64,
}

/// An example from outside the metric, such as a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// What it refers to; at most [`Exemplar::CHARS_MAX`] characters of names and values.
    pub labels: Labels,
    /// The value observed.
    pub value: f64,
    /// When, in seconds since 1970.
    pub timestamp: Option<f64>,
}

impl Exemplar {
    /// How many characters the names and values of an exemplar's labels may have together.
    pub const CHARS_MAX: usize = 128;
}
