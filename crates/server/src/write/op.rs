//! What happens to the value of a series.
//!
//! An [`Op`] has three meanings, each in a file with one `match` of it: its bytes (`write/codec/op.rs`), whether it may
//! happen (`state/check/op.rs`), and what it does (`state/apply/op.rs`). Beside these and what is below, nobody looks into
//! one: a new one is an arm in each, and nothing else.

/// What happens to the value of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    /// Nothing: the series is only made if it is missing; a new one begins at zero.
    Ensure,
    /// A gauge, a counter or an untyped series gets this value. A counter must not go down.
    Set(f64),
    /// It becomes so much more, or less if negative. A counter must not go down.
    Add(f64),
    /// One observation goes into a histogram.
    Observe(f64),
    /// Many observations, counted already, go into a histogram. Apart, so that every change is not as large as this rare one.
    Merge(Box<HistogramDelta>),
}

/// Observations counted in the buckets of a histogram: not cumulative, the last one is `+Inf`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HistogramDelta {
    /// Observations per bucket, one more than the family has bounds.
    pub(crate) counts: Box<[u64]>,
    /// The sum of the observed values.
    pub(crate) sum: f64,
}

impl Op {
    /// What it does to the series of this name, in words.
    pub(crate) fn told(&self, series: &str) -> String {
        match self {
            Op::Ensure => format!("{series} is created"),
            Op::Set(value) => format!("{series} is set to {value}, whatever the file says"),
            Op::Add(delta) => format!("{delta} is added to {series}"),
            Op::Observe(value) => format!("{series} observes {value}"),
            Op::Merge(delta) => format!("{series} observes {} values", delta.counts.iter().sum::<u64>()),
        }
    }
}
