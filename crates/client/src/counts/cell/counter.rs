//! A counter that many threads add to.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use nexus_metric::Kind;

use super::{Cell, Sum, take};
use crate::counts::{
    delta::Delta,
    families::Families,
    series::{AnySeries, Series},
};

/// The largest whole number up to which an `f64` holds each.
const WHOLE_MAX: u64 = 1 << f64::MANTISSA_DIGITS;
/// More than this at once is added to the part, so that the whole, which nobody may take for hours, does not overflow.
const STEP_MAX: u64 = 1 << 32;

/// Whole numbers are added to a `u64`, so that they cost one instruction, and adding 1 is not lost beside a large sum.
/// Others are added to an `f64`.
///
/// Aligned as far as caches reach, so that counting in one never slows another.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct CounterCell {
    whole: AtomicU64,
    part: Sum,
    invalid: AtomicU64,
    /// What a source that counts by itself has reached.
    total: AtomicU64,
}

impl CounterCell {
    #[inline]
    pub(crate) fn increment_by(&self, amount: u64) {
        if amount <= STEP_MAX {
            self.whole.fetch_add(amount, Ordering::Relaxed);
        } else {
            #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 it is a double that counts")]
            self.part.add(amount as f64);
        }
    }

    #[inline]
    pub(crate) fn add(&self, value: f64) {
        if (0.0..=STEP_MAX as f64).contains(&value) && value.fract() == 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within the range"
            )]
            self.whole.fetch_add(value as u64, Ordering::Relaxed);
        } else if value > 0.0 && value.is_finite() {
            self.part.add(value);
        } else {
            self.invalid.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// [`increment_by`](Self::increment_by), for sources that also [say their total](Self::raise_to).
    #[cfg(feature = "metrics")]
    pub(crate) fn increment_total_by(&self, amount: u64) {
        self.total.fetch_add(amount, Ordering::Relaxed);
        self.increment_by(amount);
    }

    /// Adds what `total` is above the highest total so far.
    pub(crate) fn raise_to(&self, total: u64) {
        let before = self.total.fetch_max(total, Ordering::Relaxed);
        if total > before {
            self.increment_by(total - before);
        }
    }
}

impl Cell for CounterCell {
    const KIND: Kind = Kind::Counter;

    fn new(_: &Families, _: &str) -> Self {
        CounterCell::default()
    }

    fn take(&self) -> Option<Delta> {
        let whole = take(&self.whole);
        // What a double does not hold to the last digit waits for the next time.
        let sent = whole.min(WHOLE_MAX);
        if whole > sent {
            self.whole.fetch_add(whole - sent, Ordering::Relaxed);
        }
        #[expect(clippy::cast_precision_loss, reason = "not up to 2^53")]
        let value = sent as f64 + self.part.take();
        (value != 0.0).then_some(Delta::Add(value))
    }

    fn take_invalid(&self) -> u64 {
        take(&self.invalid)
    }

    fn any(series: Arc<Series<Self>>) -> AnySeries {
        AnySeries::Counter(series)
    }

    fn of(any: &AnySeries) -> Option<&Arc<Series<Self>>> {
        match any {
            AnySeries::Counter(series) => Some(series),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_any_size_are_exact() {
        let check = |values: &[f64], expected: &[f64]| {
            let cell = CounterCell::default();
            values.iter().for_each(|value| cell.add(*value));
            let taken: Vec<_> = std::iter::from_fn(|| cell.take()).collect();
            assert_eq!(
                taken,
                expected.iter().map(|value| Delta::Add(*value)).collect::<Vec<_>>()
            );
        };
        check(&[], &[]);
        check(&[0.0, -0.0], &[]);
        check(&[1.0, 2.0], &[3.0]);
        check(&[0.5, 2.0, 0.25], &[2.75]);
        check(&[5e-324], &[5e-324]);
        check(&[1e300, 1.0], &[1e300]);
        check(&[4_294_967_296.0, 1.0], &[4_294_967_297.0]);
    }

    #[test]
    fn ones_are_not_lost_beside_large_numbers() {
        let cell = CounterCell::default();
        for _ in 0..1 << 21 {
            cell.increment_by(STEP_MAX);
        }
        cell.increment_by(1);
        assert_eq!(cell.take(), Some(Delta::Add(9_007_199_254_740_992.0)));
        assert_eq!(cell.take(), Some(Delta::Add(1.0)));
        cell.increment_by(u64::MAX);
        cell.increment_by(1);
        assert_eq!(cell.take(), Some(Delta::Add(18_446_744_073_709_551_616.0)));
    }

    #[test]
    fn what_cannot_be_added_is_counted() {
        let cell = CounterCell::default();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -5e-324] {
            cell.add(value);
        }
        assert_eq!((cell.take(), cell.take_invalid(), cell.take_invalid()), (None, 5, 0));
    }

    #[test]
    fn a_total_is_counted_from_the_highest_so_far() {
        let cell = CounterCell::default();
        for total in [5, 3, 5, 12] {
            cell.raise_to(total);
        }
        assert_eq!(cell.take(), Some(Delta::Add(12.0)));
        cell.raise_to(13);
        assert_eq!(cell.take(), Some(Delta::Add(1.0)));
    }
}
