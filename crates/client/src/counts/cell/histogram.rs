//! A histogram that many threads observe into.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use nexus_metric::{Buckets, Kind};

use super::{Cell, Sum, take};
use crate::counts::{
    delta::Delta,
    families::Families,
    series::{AnySeries, Series},
};

/// Observations by bucket, and their sum.
///
/// Taking is not one step: of an observation that is made at that moment, the count may be taken and the value wait for the
/// next time.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct HistogramCell {
    sum: Sum,
    invalid: AtomicU64,
    buckets: Buckets,
    counts: Box<[AtomicU64]>,
}

impl HistogramCell {
    pub(crate) fn with(buckets: Buckets) -> Self {
        let counts = buckets.bounds().len() + 1;
        HistogramCell {
            sum: Sum::default(),
            invalid: AtomicU64::new(0),
            buckets,
            counts: std::iter::repeat_with(AtomicU64::default).take(counts).collect(),
        }
    }

    pub(crate) fn observe(&self, value: f64, times: u64) {
        #[expect(clippy::cast_precision_loss, reason = "the sum is a double")]
        let sum = value * times as f64;
        let bucket = self.counts.get(self.buckets.index_of(value));
        let (true, Some(count)) = (value.is_finite() && sum.is_finite(), bucket) else {
            self.invalid.fetch_add(times, Ordering::Relaxed);
            return;
        };
        count.fetch_add(times, Ordering::Relaxed);
        self.sum.add(sum);
    }
}

impl Cell for HistogramCell {
    const KIND: Kind = Kind::Histogram;

    fn new(families: &Families, name: &str) -> Self {
        HistogramCell::with(families.buckets(name).clone())
    }

    fn buckets(&self) -> Option<&Buckets> {
        Some(&self.buckets)
    }

    fn take(&self) -> Option<Delta> {
        let sum = self.sum.take();
        let is_idle = |count: &AtomicU64| count.load(Ordering::Relaxed) == 0;
        if sum == 0.0 && self.counts.iter().all(is_idle) {
            return None;
        }
        let counts = self.counts.iter().map(take).collect();
        Some(Delta::Merge { counts, sum })
    }

    fn take_invalid(&self) -> u64 {
        take(&self.invalid)
    }

    fn any(series: Arc<Series<Self>>) -> AnySeries {
        AnySeries::Histogram(series)
    }

    fn of(any: &AnySeries) -> Option<&Arc<Series<Self>>> {
        match any {
            AnySeries::Histogram(series) => Some(series),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_fall_into_buckets() {
        let cell = HistogramCell::with(Buckets::new(&[1.0, 2.0]).unwrap());
        assert_eq!(cell.take(), None);
        for value in [1.0, 1.5, -3.0, 2.5] {
            cell.observe(value, 1);
        }
        cell.observe(2.0, 3);
        for value in [f64::NAN, f64::INFINITY] {
            cell.observe(value, 2);
        }
        let counts = [2, 4, 1].into();
        assert_eq!(
            (cell.take(), cell.take_invalid()),
            (Some(Delta::Merge { counts, sum: 8.0 }), 4)
        );
        cell.observe(0.0, 1);
        let counts = [1, 0, 0].into();
        assert_eq!(cell.take(), Some(Delta::Merge { counts, sum: 0.0 }));
        assert_eq!((cell.take(), cell.take_invalid()), (None, 0));
    }
}
