//! Counter, gauge and histogram, as a program holds them.

use std::sync::Arc;

use super::{
    cell::{CounterCell, GaugeCell, HistogramCell},
    series::Series,
};
use crate::Number;

/// A series that only goes up, got from [`Counts::counter`](super::Counts::counter).
///
/// Cheap to clone. Counting takes a few nanoseconds, from any thread: one atomic addition for whole numbers, no lock, no
/// allocation, no waiting.
///
/// ```no_run
/// # fn example(counts: nexus_client::Counts) {
/// let jobs = counts.counter("jobs_total", [("queue", "mail")]);
/// jobs.inc();
/// jobs.add(0.5);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Counter(pub(super) Arc<Series<CounterCell>>);

/// A series that goes up and down, got from [`Counts::gauge`](super::Counts::gauge).
///
/// The hub has one value, however many processes write it. [`Gauge::set`] replaces it: the last one wins. [`Gauge::add`]
/// and [`Gauge::sub`] change it by that much, so that processes can share a gauge, such as the number of jobs under way; a
/// process that dies leaves what it added. Within a process the two mix as one expects.
///
/// ```no_run
/// # fn example(counts: nexus_client::Counts) {
/// let running = counts.gauge("jobs_running", []);
/// running.inc();
/// running.dec();
/// counts.gauge("last_success_timestamp_seconds", [("job", "backup")]).set(1_700_000_000);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Gauge(pub(super) Arc<Series<GaugeCell>>);

/// A distribution of values, got from [`Counts::histogram`](super::Counts::histogram).
///
/// Values are sorted into buckets here, and the hub is sent how many there are in each. Which buckets there are is said by
/// the [builder](super::CountsBuilder::buckets), and must be what the hub has.
///
/// ```no_run
/// # fn example(counts: nexus_client::Counts) {
/// let seconds = counts.histogram("job_seconds", [("queue", "mail")]);
/// seconds.observe(0.35);
/// seconds.observe(std::time::Duration::from_millis(350));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Histogram(pub(super) Arc<Series<HistogramCell>>);

impl Counter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.0.cell.increment_by(1);
    }

    /// Adds a whole number.
    #[inline]
    pub fn inc_by(&self, amount: u64) {
        self.0.cell.increment_by(amount);
    }

    /// Adds any number. Whole ones up to 2³² are added as integers, others to a double, rounded as doubles are. What is
    /// negative, NaN or infinite is not counted, and [reported](super::CountsBuilder::on_refused).
    #[inline]
    pub fn add(&self, value: impl Number) {
        self.0.cell.add(value.to_f64());
    }

    /// Adds what `total` is above the highest total that was ever given here: for sources that count by themselves, from
    /// zero, since this process began.
    pub fn raise_to(&self, total: u64) {
        self.0.cell.raise_to(total);
    }
}

impl Gauge {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.0.cell.add(1.0);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        self.0.cell.add(-1.0);
    }

    /// Adds. NaN and infinite values are not counted, and [reported](super::CountsBuilder::on_refused).
    #[inline]
    pub fn add(&self, value: impl Number) {
        self.0.cell.add(value.to_f64());
    }

    /// Takes away, as [`Gauge::add`] adds.
    #[inline]
    pub fn sub(&self, value: impl Number) {
        self.0.cell.add(-value.to_f64());
    }

    /// Gives it a value, which may be NaN or infinite. What was added before counts for nothing.
    #[inline]
    pub fn set(&self, value: impl Number) {
        self.0.cell.set(value.to_f64());
    }
}

impl Histogram {
    /// Counts a value in its bucket. NaN and infinite values are not counted, and
    /// [reported](super::CountsBuilder::on_refused).
    #[inline]
    pub fn observe(&self, value: impl Number) {
        self.0.cell.observe(value.to_f64(), 1);
    }

    /// Counts a value so many times at once.
    #[inline]
    pub fn observe_many(&self, value: impl Number, times: u64) {
        self.0.cell.observe(value.to_f64(), times);
    }
}
