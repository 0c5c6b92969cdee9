//! How many requests of one key are taken, changed while the hub runs.

use std::{num::NonZeroU32, time::Duration};

use arc_swap::ArcSwapOption;

/// How many requests a second, as far as there is a limit: a second's worth at once, then evenly.
#[derive(Debug, Default)]
pub(super) struct RequestRate {
    limit: ArcSwapOption<Limit>,
}

#[derive(Debug)]
struct Limit {
    requests_per_second: u64,
    rate: nexus_throttle::RequestRate,
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
        let limit = self.limit.load();
        if limit.as_ref().map_or(0, |limit| limit.requests_per_second) == requests_per_second {
            return;
        }
        let rate = u32::try_from(requests_per_second).unwrap_or(u32::MAX);
        let limit = NonZeroU32::new(rate).map(|rate| Limit {
            requests_per_second,
            rate: nexus_throttle::RequestRate::per_second(rate),
        });
        self.limit.store(limit.map(Into::into));
    }

    /// Takes one request.
    pub(super) fn take(&self) -> Result<(), TooFast> {
        let limit = self.limit.load();
        let Some(limit) = limit.as_deref() else { return Ok(()) };
        limit.rate.take().map_err(|wait| TooFast {
            requests_per_second: limit.requests_per_second,
            wait,
        })
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
