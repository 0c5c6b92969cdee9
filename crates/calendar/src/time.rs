//! Instants.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

const NANOS_PER_MILLI: i64 = 1_000_000;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An instant: nanoseconds since 1970 in UTC, from 1677 to 2262. What would lie beyond is held at these ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    /// The first of all.
    pub const MIN: Time = Time(i64::MIN);

    /// The instant so many nanoseconds after the start of 1970.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Time(nanos)
    }

    /// The instant so many milliseconds after the start of 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Time(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// The instant so many seconds after the start of 1970.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Time(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// What the system's clock says.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(NANOS_PER_MILLI)
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SECOND)
    }

    /// The instant that is later by `duration`.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Time(self.0.saturating_add(nanos_of(duration)))
    }

    /// The instant that is earlier by `duration`.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Time(self.0.saturating_sub(nanos_of(duration)))
    }

    /// How long after an earlier instant; zero if that one is later.
    #[must_use]
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Time(nanos_of(since)),
            Err(before) => Time(nanos_of(before.duration()).saturating_neg()),
        }
    }
}

/// `2026-11-01T12:00:00Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

fn nanos_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
