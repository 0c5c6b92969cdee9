use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment: milliseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// This many milliseconds after (before, if negative) the beginning of 1970 in UTC.
    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis)
    }

    /// Milliseconds since the beginning of 1970 in UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// What the machine's clock says.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// A later moment.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Timestamp(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after an earlier moment; zero if that one is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp(millis(since)),
            // Rounded down, as after 1970.
            Err(before) => Timestamp(-millis(before.duration() + Duration::from_nanos(999_999))),
        }
    }
}
