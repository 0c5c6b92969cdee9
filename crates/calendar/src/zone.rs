//! Time zones, and what their clocks show.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};

use crate::Time;

/// A time zone: `UTC`, or a name of the IANA database as `Europe/Berlin`. Seconds are seconds since 1970 in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A text that names no [`Zone`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone: say UTC, or a name of the IANA database, as Europe/Berlin")]
pub struct UnknownZone(String);

impl Default for Zone {
    fn default() -> Self {
        Zone::UTC
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        TimeZone::get(name).map(Zone).map_err(|_| UnknownZone(name.to_owned()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl Zone {
    /// The zone that needs no database.
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// The instant as the zone's clocks show it, with the distance from UTC: `2026-10-25T02:00:00+01:00`.
    #[must_use]
    pub fn show(&self, time: Time) -> String {
        let zoned = self.at(time.seconds());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// Seconds that the zone's clocks are ahead of UTC.
    #[must_use]
    pub fn offset(&self, second: i64) -> i64 {
        i64::from(self.0.to_offset(timestamp(second)).seconds())
    }

    /// When the day that `second` is in begins.
    #[must_use]
    pub fn day_start(&self, second: i64) -> i64 {
        let start = self.at(second).start_of_day();
        start.map_or(second, |start| start.timestamp().as_second())
    }

    /// When the day after the one that `second` is in begins.
    #[must_use]
    pub fn day_end(&self, second: i64) -> i64 {
        let tomorrow = self.date_at(second).tomorrow();
        tomorrow.map_or(i64::MAX, |date| self.date_start(date))
    }

    /// When the week that `second` is in begins, on a Monday.
    #[must_use]
    pub fn week_start(&self, second: i64) -> i64 {
        let date = self.date_at(second);
        let behind = date.weekday().to_monday_zero_offset();
        let monday = date.checked_sub(jiff::Span::new().days(behind));
        monday.map_or_else(|_| self.date_start(date), |monday| self.date_start(monday))
    }

    /// When the zone's clocks last showed a multiple of `unit` seconds, which is half a day at most, or last changed if that is
    /// later.
    #[must_use]
    pub fn clock_floor(&self, second: i64, unit: i64) -> i64 {
        let start = second - (second + self.offset(second)).rem_euclid(unit);
        // Before a change the clocks showed another time: nothing reaches over it, unless they agree.
        match self.changed_at(second) {
            Some(change) if change > start && self.offset(change - 1) != self.offset(change) => change,
            _ => start,
        }
    }

    /// The date that the zone's clocks show.
    pub(crate) fn date_at(&self, second: i64) -> Date {
        self.at(second).date()
    }

    /// When the zone's clocks first show this date or, if they leave it out, a later one.
    pub(crate) fn date_start(&self, date: Date) -> i64 {
        let start = date.to_zoned(self.0.clone()).and_then(|zoned| zoned.start_of_day());
        start.map_or(i64::MAX, |start| start.timestamp().as_second())
    }

    /// The last instant up to `second` at which the zone's clocks changed.
    fn changed_at(&self, second: i64) -> Option<i64> {
        let change = self.0.preceding(timestamp(second.saturating_add(1))).next()?;
        Some(change.timestamp().as_second())
    }

    fn at(&self, second: i64) -> Zoned {
        timestamp(second).to_zoned(self.0.clone())
    }
}

/// Held at the ends of what can be said.
fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
