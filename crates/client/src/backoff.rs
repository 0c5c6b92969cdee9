//! How long a request waits before it is tried again.

use std::time::Duration;

/// How long to wait between the tries of a request: exponential, with full jitter, so that clients that failed together do
/// not come back together. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) const DEFAULT: Backoff = Backoff {
        first: Duration::from_millis(100),
        max: Duration::from_secs(5),
    };

    /// The wait after this many failed tries: what the hub asks for, and on top of it anything from nothing to
    /// `first` · 2^(`tries` - 1), but to no more than `max`; which, is told by `random`, from 0 to 1.
    ///
    /// None if nothing would be left of the time that remains, or if what the hub asks for leaves nothing.
    pub(crate) fn wait(
        self,
        tries: u32,
        retry_after: Option<Duration>,
        remaining: Duration,
        random: f64,
    ) -> Option<Duration> {
        let least = retry_after.unwrap_or_default();
        let left = remaining.checked_sub(least).filter(|left| !left.is_zero())?;
        let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
        let jitter = self
            .first
            .saturating_mul(doubled)
            .min(self.max)
            .mul_f64(random.clamp(0.0, 1.0));
        match retry_after {
            // The hub says that it can be asked then: not coming at all would be worse than coming early.
            Some(least) => Some(least + jitter.min(left / 2)),
            None => Some(jitter).filter(|jitter| *jitter < left),
        }
    }
}

/// From 0 up to, and without, 1.
pub(crate) fn random() -> f64 {
    // Without randomness, half: a wait that is not spread is better than none.
    let bits = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_millis(100),
        max: Duration::from_millis(1000),
    };

    #[track_caller]
    fn check(tries: u32, retry_after_ms: Option<u64>, remaining_ms: u64, random: f64, expected_ms: Option<u64>) {
        let found = BACKOFF.wait(
            tries,
            retry_after_ms.map(Duration::from_millis),
            Duration::from_millis(remaining_ms),
            random,
        );
        assert_eq!(found, expected_ms.map(Duration::from_millis));
    }

    #[test]
    fn the_window_doubles_up_to_its_maximum() {
        for (tries, expected_ms) in [
            (1, 100),
            (2, 200),
            (3, 400),
            (4, 800),
            (5, 1000),
            (6, 1000),
            (u32::MAX, 1000),
        ] {
            check(tries, None, 10_000, 1.0, Some(expected_ms));
            check(tries, None, 10_000, 0.5, Some(expected_ms / 2));
            check(tries, None, 10_000, 0.0, Some(0));
        }
    }

    #[test]
    fn no_wait_reaches_the_end() {
        check(1, None, 100, 1.0, None);
        check(1, None, 101, 1.0, Some(100));
        check(1, None, 0, 0.0, None);
        check(5, None, 600, 0.5, Some(500));
        check(5, None, 500, 0.5, None);
    }

    #[test]
    fn what_the_hub_asks_for_is_the_least() {
        check(1, Some(2000), 10_000, 0.0, Some(2000));
        check(1, Some(2000), 10_000, 1.0, Some(2100));
        check(1, Some(0), 10_000, 1.0, Some(100));
        check(1, Some(2000), 2001, 0.0, Some(2000));
        check(5, Some(2000), 2100, 1.0, Some(2050));
        check(1, Some(2000), 2000, 0.0, None);
        check(1, Some(3_600_000), 30_000, 0.0, None);
        check(1, Some(u64::MAX), u64::MAX, 1.0, None);
    }

    #[test]
    fn randomness_is_spread() {
        let randoms: Vec<f64> = (0..1000).map(|_| random()).collect();
        assert!(randoms.iter().all(|random| (0.0..1.0).contains(random)));
        let low = randoms.iter().filter(|random| **random < 0.5).count();
        assert!((300..700).contains(&low), "{low}");
    }
}
