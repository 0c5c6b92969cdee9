//! Seconds, minutes, hours and days of sums.

/// How finely a table of sums divides time. A bucket is named by its first second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    Second,
    Minute,
    Hour,
    Day,
}

impl Level {
    /// From the finest to the coarsest: each divides the next.
    pub(crate) const ALL: [Level; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    pub(crate) const fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The first second of the bucket that `second` is in.
    pub(crate) const fn floor(self, second: i64) -> i64 {
        second - second.rem_euclid(self.seconds())
    }
}
