//! How many bytes one turn is.

/// A turn is so much time of a flow's own share.
const TURN_NS: u64 = 4_000_000;
/// A turn is not less than this, so that slow flows among many do not send crumbs …
const TURN_BYTES_MIN: u64 = 512;
/// … but one turn of the slowest ceiling above a flow is over after this time.
const TURN_NS_MAX: u64 = 250_000_000;
/// A turn is not more than this.
const TURN_BYTES_MAX: u64 = 4 << 20;
const NANO: u64 = 1_000_000_000;

/// What is known of a flow on the way down to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// Bytes per second that the flow may count on, while those wait who wait.
    rate: u64,
    /// The lowest ceiling that was passed.
    ceiling: u64,
}

impl Share {
    pub(super) const ALL: Share = Share {
        rate: u64::MAX,
        ceiling: u64::MAX,
    };

    /// No more than this, if it is limited.
    pub(super) fn below(self, ceiling: u64) -> Share {
        if ceiling == 0 {
            return self;
        }
        Share {
            rate: self.rate.min(ceiling),
            ceiling: self.ceiling.min(ceiling),
        }
    }

    /// One of those who share it.
    pub(super) fn part(self, weight: u64, weights: u64) -> Share {
        if self.rate == u64::MAX || weights <= weight {
            return self;
        }
        let product = u128::from(self.rate) * u128::from(weight) / u128::from(weights.max(1));
        Share {
            rate: u64::try_from(product).unwrap_or(u64::MAX),
            ..self
        }
    }

    /// No more than these parts of this, if it is limited.
    pub(super) fn below_part(self, ceiling: u64, parts: Parts) -> Share {
        if ceiling == 0 {
            return self;
        }
        Share {
            rate: self.rate.min(parts.of(ceiling)),
            ceiling: self.ceiling.min(ceiling),
        }
    }

    /// Not less than this.
    pub(super) fn at_least(self, guaranteed: u64) -> Share {
        Share {
            rate: self.rate.max(guaranteed.min(self.ceiling)),
            ..self
        }
    }

    pub(super) fn quantum(self) -> u64 {
        let floor = TURN_BYTES_MIN.min(in_time(self.ceiling, TURN_NS_MAX)).max(1);
        in_time(self.rate, TURN_NS).clamp(floor, TURN_BYTES_MAX)
    }
}

/// A fraction, with 32 bits below the point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts(u64);

impl Parts {
    pub(super) const WHOLE: Parts = Parts(1 << 32);

    pub(super) fn part(self, weight: u64, weights: u64) -> Parts {
        Parts(self.0.saturating_mul(weight) / weights.max(weight).max(1))
    }

    fn of(self, whole: u64) -> u64 {
        u64::try_from((u128::from(whole) * u128::from(self.0)) >> 32).unwrap_or(u64::MAX)
    }
}

/// One turn at this rate alone.
pub(super) fn quantum_of(rate: u64) -> u64 {
    Share::ALL.below(rate).quantum()
}

fn in_time(rate: u64, ns: u64) -> u64 {
    let product = u128::from(rate) * u128::from(ns) / u128::from(NANO);
    u64::try_from(product).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rate: u64, weights: u64, expected: u64) {
        assert_eq!(Share::ALL.below(rate).part(1, weights).quantum(), expected);
    }

    #[test]
    fn a_turn_is_four_milliseconds_of_the_share_within_bounds() {
        check(1, 1, 1);
        check(1, 1000, 1);
        check(100, 1, 25);
        check(2048, 1, 512);
        check(2048, 1000, 512);
        check(256 << 10, 1, 1048);
        check(25_600 << 10, 100, 1048);
        check(1 << 30, 1, 4 << 20);
        check(100_000_000_000, 1, 4 << 20);
        check(u64::MAX, 1, 4 << 20);
        check(0, 7, 4 << 20);
    }
}
