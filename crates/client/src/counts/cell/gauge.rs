//! A gauge that many threads set and add to.

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

/// A NaN that nobody sets: those that are set become the usual one.
const UNSET: u64 = u64::MAX;

/// A value that was set, or else what was added.
///
/// What is added while a value is set is added to that value; what is added while there is none goes to `added`. Whoever sets a
/// value first throws away what stands in `added`, since that counts for nothing any more.
///
/// When a value is taken, `added` was taken before, and what it held counts for nothing either: it was there before the value
/// was, or came at the same time. What is added after a value was taken must not be among it. So whoever sees that the value
/// is gone also sees that `added` was emptied before (release, acquire).
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct GaugeCell {
    set: AtomicU64,
    added: Sum,
    invalid: AtomicU64,
}

impl Default for GaugeCell {
    fn default() -> Self {
        GaugeCell {
            set: AtomicU64::new(UNSET),
            added: Sum::default(),
            invalid: AtomicU64::new(0),
        }
    }
}

impl GaugeCell {
    pub(crate) fn set(&self, value: f64) {
        let value = if value.is_nan() { f64::NAN } else { value };
        self.added.take();
        self.set.store(value.to_bits(), Ordering::Release);
    }

    pub(crate) fn add(&self, value: f64) {
        if !value.is_finite() {
            self.invalid.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut old = self.set.load(Ordering::Acquire);
        while old != UNSET {
            let new = (f64::from_bits(old) + value).to_bits();
            match self
                .set
                .compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(current) => old = current,
            }
        }
        self.added.add(value);
    }
}

impl Cell for GaugeCell {
    const KIND: Kind = Kind::Gauge;

    fn new(_: &Families, _: &str) -> Self {
        GaugeCell::default()
    }

    fn take(&self) -> Option<Delta> {
        let added = self.added.take();
        if self.set.load(Ordering::Relaxed) != UNSET {
            return Some(Delta::Set(f64::from_bits(self.set.swap(UNSET, Ordering::AcqRel))));
        }
        (added != 0.0).then_some(Delta::Add(added))
    }

    fn take_invalid(&self) -> u64 {
        take(&self.invalid)
    }

    fn any(series: Arc<Series<Self>>) -> AnySeries {
        AnySeries::Gauge(series)
    }

    fn of(any: &AnySeries) -> Option<&Arc<Series<Self>>> {
        match any {
            AnySeries::Gauge(series) => Some(series),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicBool, thread};

    use super::*;

    enum Do {
        Set(f64),
        Add(f64),
    }
    use Do::{Add, Set};

    #[test]
    fn what_was_set_counts_with_what_was_added_to_it() {
        let check = |done: &[Do], expected: &str| {
            let cell = GaugeCell::default();
            for one in done {
                match one {
                    Set(value) => cell.set(*value),
                    Add(value) => cell.add(*value),
                }
            }
            assert_eq!(format!("{:?} {}", cell.take(), cell.take_invalid()), expected);
            assert_eq!(cell.take(), None);
        };
        check(&[], "None 0");
        check(&[Add(2.0), Add(-0.5)], "Some(Add(1.5)) 0");
        check(&[Add(2.0), Add(-2.0)], "None 0");
        check(&[Set(5.0), Add(2.0)], "Some(Set(7.0)) 0");
        check(&[Add(2.0), Set(5.0)], "Some(Set(5.0)) 0");
        check(&[Set(5.0), Add(1.0), Set(0.0)], "Some(Set(0.0)) 0");
        check(&[Set(f64::from_bits(UNSET)), Add(1.0)], "Some(Set(NaN)) 0");
        check(&[Set(f64::INFINITY)], "Some(Set(inf)) 0");
        check(&[Add(f64::NAN), Add(f64::INFINITY)], "None 2");
    }

    #[test]
    fn what_is_taken_at_any_moment_comes_to_what_was_done() {
        let cell = GaugeCell::default();
        let is_done = AtomicBool::new(false);
        let taken = thread::scope(|scope| {
            let taking = scope.spawn(|| {
                let mut all = Delta::Set(0.0);
                while !is_done.load(Ordering::Acquire) {
                    all = cell.take().into_iter().fold(all, Delta::then);
                }
                cell.take().into_iter().fold(all, Delta::then)
            });
            for value in 0..300_000 {
                cell.add(5.0);
                cell.set(f64::from(value));
                cell.add(2.0);
                cell.add(-0.5);
                cell.add(0.25);
            }
            is_done.store(true, Ordering::Release);
            taking.join().unwrap()
        });
        assert_eq!(taken, Delta::Set(300_000.75));
        assert_eq!(cell.take(), None);
    }
}
