//! How many requests a second.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// So many requests a second: a second's worth at once, then evenly. For any number of threads; it never waits.
///
/// This is the generic cell rate algorithm (ITU-T I.371, annex A, as virtual scheduling), which needs one number: the
/// *theoretical arrival time* at which the next request is due if all come evenly. A request conforms if it comes no earlier
/// than a burst before that, and puts it off by one interval.
///
/// ```
/// use nexus_throttle::RequestRate;
///
/// let rate = RequestRate::per_second(2.try_into()?);
/// assert!(rate.take().is_ok() && rate.take().is_ok());
/// let wait = rate.take().unwrap_err();
/// assert!(wait.as_millis() <= 500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RequestRate {
    began: Instant,
    /// Nanoseconds from one request to the next.
    interval: u64,
    /// How much earlier than due one may come: all but one of a burst.
    tolerance: u64,
    /// Nanoseconds since it began.
    due: AtomicU64,
}

impl RequestRate {
    /// No more than this many a second. Beyond 10^9, which is one in a nanosecond, as many as that.
    #[must_use]
    pub fn per_second(rate: NonZeroU32) -> Self {
        let (rate, second) = (u64::from(rate.get()), 1_000_000_000);
        let interval = (second / rate).max(1);
        RequestRate {
            began: Instant::now(),
            interval,
            tolerance: interval * (rate.min(second) - 1),
            due: AtomicU64::new(0),
        }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// It comes too early, by so much.
    pub fn take(&self) -> Result<(), Duration> {
        self.take_at(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn take_at(&self, now: u64) -> Result<(), Duration> {
        let mut due = self.due.load(Ordering::Relaxed);
        loop {
            let earliest = due.saturating_sub(self.tolerance);
            if now < earliest {
                return Err(Duration::from_nanos(earliest - now));
            }
            let next = due.max(now).saturating_add(self.interval);
            // One number is all there is: nothing else has to be seen in order with it.
            match self
                .due
                .compare_exchange_weak(due, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(changed) => due = changed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rate(per_second: u32) -> RequestRate {
        RequestRate::per_second(per_second.try_into().unwrap())
    }

    /// A bucket that holds a second's worth of tokens, and gets one in each interval; in nanoseconds.
    struct Bucket {
        interval: u64,
        size: u64,
        level: u64,
        at: u64,
    }

    impl Bucket {
        fn take_at(&mut self, now: u64) -> Result<(), Duration> {
            self.level = self.level.saturating_add(now - self.at).min(self.size);
            self.at = now;
            match self.level.checked_sub(self.interval) {
                Some(left) => self.level = left,
                None => return Err(Duration::from_nanos(self.interval - self.level)),
            }
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn it_takes_what_a_bucket_of_tokens_takes(
            per_second in prop_oneof![1..20_u32, 1..=1_000_000_000_u32],
            steps in prop::collection::vec((0..4_u64, 0..SECOND), 1..200),
        ) {
            let rate = rate(per_second);
            let interval = SECOND / u64::from(per_second);
            let size = interval * u64::from(per_second);
            let mut bucket = Bucket { interval, size, level: size, at: 0 };
            let mut now = 0;
            for (intervals, rest) in steps {
                now += intervals * interval + rest % interval;
                prop_assert_eq!(rate.take_at(now), bucket.take_at(now), "at {}", now);
            }
        }

        #[test]
        fn whoever_waits_as_long_as_is_said_is_taken(per_second in 1..1_000_u32, taken in 0..2_000_u32) {
            let rate = rate(per_second);
            let refused = (0..=taken).find_map(|_| rate.take_at(SECOND).err());
            prop_assert_eq!(refused.is_some(), taken >= per_second);
            if let Some(wait) = refused {
                let due = SECOND + u64::try_from(wait.as_nanos()).unwrap();
                prop_assert!(rate.take_at(due - 1).is_err());
                prop_assert!(rate.take_at(due).is_ok());
            }
        }
    }

    #[test]
    fn a_burst_is_a_seconds_worth_however_many_threads_take_it() {
        let rate = rate(1_000);
        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..500).filter(|_| rate.take_at(7 * SECOND).is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1_000);
    }

    #[test]
    fn nothing_overflows() {
        for per_second in [1, u32::MAX] {
            let rate = rate(per_second);
            assert_eq!(rate.take_at(u64::MAX), Ok(()));
            assert_eq!(rate.take_at(u64::MAX), Ok(()));
            assert!(rate.take_at(0).is_err());
        }
    }
}
