//! What a handle counts into, and the sender takes from: atomics only, no lock, no allocation.
//!
//! *Invariant:* one thread takes: the sender's, or after its end whoever asks what is left. Any number of threads count.

mod counter;
mod gauge;
mod histogram;

pub(crate) use counter::CounterCell;
pub(crate) use gauge::GaugeCell;
pub(crate) use histogram::HistogramCell;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use nexus_metric::{Buckets, Kind};

use super::{
    delta::Delta,
    families::Families,
    series::{AnySeries, Series},
};

/// What a series of one kind counts into.
pub(crate) trait Cell: Send + Sync + Sized + 'static {
    const KIND: Kind;

    fn new(families: &Families, name: &str) -> Self;

    /// Only a histogram has some.
    fn buckets(&self) -> Option<&Buckets> {
        None
    }

    /// What was counted since it was last taken; none if nothing was.
    fn take(&self) -> Option<Delta>;

    /// How many values since then could not be counted, being NaN, infinite, or negative where that cannot be.
    fn take_invalid(&self) -> u64;

    fn any(series: Arc<Series<Self>>) -> AnySeries;

    /// The series, if it is of this kind.
    fn of(any: &AnySeries) -> Option<&Arc<Series<Self>>>;
}

/// A sum of `f64`, by compare and swap.
///
/// All orders are relaxed: nothing else is published by it, and an addition is never lost, since each is on the latest value.
#[derive(Debug, Default)]
pub(crate) struct Sum(AtomicU64);

impl Sum {
    pub(crate) fn add(&self, value: f64) {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            let new = (f64::from_bits(old) + value).to_bits();
            match self
                .0
                .compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(current) => old = current,
            }
        }
    }

    pub(crate) fn take(&self) -> f64 {
        f64::from_bits(take(&self.0))
    }
}

/// Takes all of a number, without writing where there is nothing: an idle series' cache line stays shared.
fn take(number: &AtomicU64) -> u64 {
    match number.load(Ordering::Relaxed) {
        0 => 0,
        _ => number.swap(0, Ordering::Relaxed),
    }
}
