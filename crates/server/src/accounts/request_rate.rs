use std::{fmt, num::NonZeroU32, time::Duration};

use arc_swap::ArcSwapOption;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// How many requests a second, as far as there is a limit: a second's worth at once, then evenly.
#[derive(Default)]
pub(super) struct RequestRate {
    limiter: ArcSwapOption<(u64, Limiter)>,
}

/// There were too many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key may send {requests_per_second} requests a second (requests_per_second)")]
pub(crate) struct TooFast {
    /// The limit that counts.
    pub(crate) requests_per_second: u64,
    /// When the next one may come.
    pub(crate) wait: Duration,
}

impl RequestRate {
    /// Sets the limit; 0 is none. The same limit again forgets nothing.
    pub(super) fn set(&self, requests_per_second: u64) {
        if self.limiter.load().as_ref().map_or(0, |limiter| limiter.0) == requests_per_second {
            return;
        }
        let rate = u32::try_from(requests_per_second).unwrap_or(u32::MAX);
        let limiter = NonZeroU32::new(rate).map(|rate| {
            let limiter = RateLimiter::direct_with_clock(Quota::per_second(rate), MonotonicClock);
            (requests_per_second, limiter).into()
        });
        self.limiter.store(limiter);
    }

    /// Takes one request.
    pub(super) fn take(&self) -> Result<(), TooFast> {
        let limiter = self.limiter.load();
        let Some((requests_per_second, limiter)) = limiter.as_deref() else {
            return Ok(());
        };
        limiter.check().map_err(|until| TooFast {
            requests_per_second: *requests_per_second,
            wait: until.wait_time_from(MonotonicClock.now()),
        })
    }
}

impl fmt::Debug for RequestRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.limiter.load().as_ref().map(|limiter| limiter.0);
        f.debug_tuple("RequestRate").field(&rate).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_at_once_and_then_no_more() {
        let rate = RequestRate::default();
        assert!((0..1000).all(|_| rate.take().is_ok()), "no limit");
        rate.set(3);
        let taken = (0..100).filter(|_| rate.take().is_ok()).count();
        assert!((3..100).contains(&taken), "{taken}");
        rate.set(3);
        let refused = rate.take().unwrap_err();
        assert_eq!(refused.requests_per_second, 3);
        assert!(refused.wait <= Duration::from_secs(1), "{refused:?}");
        rate.set(0);
        assert!((0..1000).all(|_| rate.take().is_ok()), "no limit again");
    }
}
