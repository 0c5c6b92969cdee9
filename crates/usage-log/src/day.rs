//! Days in UTC, and the tables named by them.

use nexus_calendar::Time;

pub(crate) const DAY_SECONDS: i64 = 86_400;

/// A day in UTC: days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(i64);

impl Day {
    pub(crate) fn of(time: Time) -> Self {
        Day(time.seconds().div_euclid(DAY_SECONDS))
    }

    /// When it begins, in seconds since 1970.
    #[cfg(feature = "postgres")]
    pub(crate) fn first_second(self) -> i64 {
        self.0 * DAY_SECONDS
    }

    /// The day after.
    #[cfg(feature = "postgres")]
    pub(crate) fn next(self) -> Self {
        Day(self.0 + 1)
    }

    /// The name of the day's table: `PREFIX_YYYYMMDD`.
    pub(crate) fn table(self, prefix: &str) -> String {
        let start = jiff::Timestamp::from_second(self.0 * DAY_SECONDS).unwrap_or_default();
        let date = start.to_zoned(jiff::tz::TimeZone::UTC).date();
        format!("{prefix}_{:04}{:02}{:02}", date.year(), date.month(), date.day())
    }

    /// The day whose table has this name.
    pub(crate) fn of_table(prefix: &str, table: &str) -> Option<Self> {
        let digits = table.strip_prefix(prefix)?.strip_prefix('_')?;
        let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
        let month = i8::try_from(part(4..6)?).ok()?;
        let day = i8::try_from(part(6..8)?).ok()?;
        let date = jiff::civil::Date::new(part(0..4)?, month, day).ok()?;
        let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        Some(Day(start.as_second().div_euclid(DAY_SECONDS)))
    }
}
