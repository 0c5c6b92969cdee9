//! The value of one series, and when it last changed.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering, fence},
};

/// When a series last changed: the sequence of the change, and the wall time of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stamp {
    pub(crate) sequence: u64,
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
}

/// The value of a gauge, counter or untyped series.
///
/// One writer changes it, any number of readers read it, and neither waits for the other. A scrape needs only the value
/// and takes it with one load. A snapshot needs value and stamp of the same change: the sequence doubles as the version
/// of a seqlock.
#[derive(Debug)]
pub(crate) struct NumberCell {
    sequence: AtomicU64,
    value: AtomicU64,
    at_ms: AtomicU64,
}

/// Stands in place of the sequence while the other two fields are being written.
const BEING_WRITTEN: u64 = u64::MAX;

impl Default for NumberCell {
    fn default() -> Self {
        NumberCell {
            sequence: AtomicU64::new(0),
            value: AtomicU64::new(0),
            at_ms: AtomicU64::new(0),
        }
    }
}

impl NumberCell {
    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.value.load(Ordering::Relaxed))
    }

    /// Only the writer may call this.
    pub(crate) fn put(&self, value: f64, stamp: Stamp) {
        self.sequence.store(BEING_WRITTEN, Ordering::Relaxed);
        // Nobody may see the new value together with the old sequence.
        fence(Ordering::Release);
        self.value.store(value.to_bits(), Ordering::Relaxed);
        self.at_ms.store(stamp.at_ms, Ordering::Relaxed);
        self.sequence.store(stamp.sequence, Ordering::Release);
    }

    /// Value and stamp of one and the same change.
    pub(crate) fn get(&self) -> (f64, Stamp) {
        loop {
            let sequence = self.sequence.load(Ordering::Acquire);
            let value = f64::from_bits(self.value.load(Ordering::Relaxed));
            let at_ms = self.at_ms.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if sequence != BEING_WRITTEN && self.sequence.load(Ordering::Relaxed) == sequence {
                return (value, Stamp { sequence, at_ms });
            }
            // The writer is between three stores, or was put to sleep there: let it run.
            std::thread::yield_now();
        }
    }

    /// Only the writer may call this.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }
}

/// What a histogram series holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Histogram {
    /// Observations per bucket, not cumulative; the last is `+Inf`.
    pub(crate) counts: Box<[u64]>,
    pub(crate) sum: f64,
    pub(crate) stamp: Stamp,
}

impl Histogram {
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().fold(0, |total, count| total.saturating_add(*count))
    }
}

/// The value of a histogram series, always read whole. The lock is held for a copy of the buckets, no longer.
#[derive(Debug, Default)]
pub(crate) struct HistogramCell(Mutex<Histogram>);

impl HistogramCell {
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Histogram) -> T) -> T {
        // A panic while the lock is held leaves at worst a histogram that misses an observation.
        look(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_value_and_stamp_of_one_change() {
        let cell = NumberCell::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 1..200_000u64 {
                    cell.put(n as f64, Stamp { sequence: n, at_ms: n });
                }
            });
            let mut last = 0;
            while last < 199_999 {
                let (value, stamp) = cell.get();
                assert_eq!((value, stamp.at_ms), (stamp.sequence as f64, stamp.sequence));
                assert!(stamp.sequence >= last);
                last = stamp.sequence;
            }
        });
    }
}
