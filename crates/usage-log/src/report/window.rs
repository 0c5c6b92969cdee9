use std::{fmt, str::FromStr};

use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};

use super::AnchorDay;
use crate::Time;

/// How long the windows of a report are. They begin where the zone's clocks show a round time: a day of a zone has 23 or 25
/// hours when its clocks change, and such an hour may be cut at the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A calendar day.
    Day,
    /// A month, from the query's [`AnchorDay`] on.
    Month,
}

impl Window {
    /// All of them.
    pub const ALL: [Window; 5] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Month];

    /// Its name: `1s`, `1m`, `1h`, `1d` or `1mo`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "1s",
            Self::Minute => "1m",
            Self::Hour => "1h",
            Self::Day => "1d",
            Self::Month => "1mo",
        }
    }
}

/// A text that names no [`Window`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window is one of 1s, 1m, 1h, 1d, 1mo")]
pub struct UnknownWindow;

impl FromStr for Window {
    type Err = UnknownWindow;

    fn from_str(name: &str) -> Result<Self, UnknownWindow> {
        let known = Self::ALL.into_iter().find(|window| window.name() == name);
        known.ok_or(UnknownWindow)
    }
}

/// A time zone: `UTC`, or a name of the IANA database as `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A text that names no [`Zone`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone: say UTC, or a name as Europe/Berlin")]
pub struct UnknownZone(String);

impl Default for Zone {
    fn default() -> Self {
        Zone(TimeZone::UTC)
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
    /// The instant as the zone's clocks show it, with the distance from UTC: `2026-10-25T02:00:00+01:00`.
    #[must_use]
    pub fn show(&self, time: Time) -> String {
        let zoned = self.at(time.seconds());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// Seconds that the zone's clocks are ahead of UTC.
    pub(super) fn offset(&self, second: i64) -> i64 {
        i64::from(self.0.to_offset(timestamp(second)).seconds())
    }

    /// The last instant up to `second` at which the zone's clocks changed.
    fn changed_at(&self, second: i64) -> Option<i64> {
        let change = self.0.preceding(timestamp(second + 1)).next()?;
        Some(change.timestamp().as_second())
    }

    fn at(&self, second: i64) -> Zoned {
        timestamp(second).to_zoned(self.0.clone())
    }

    /// When the window that `second` is in begins.
    pub(super) fn window_start(&self, window: Window, anchor_day: AnchorDay, second: i64) -> i64 {
        match window {
            Window::Second => second,
            Window::Minute => self.clock_floor(second, 60),
            Window::Hour => self.clock_floor(second, 3_600),
            Window::Day => day_start(&self.at(second)).unwrap_or(second),
            Window::Month => anchor_day
                .month_start(self.at(second).date())
                .and_then(|date| self.date_start(date))
                .unwrap_or(second),
        }
    }

    /// When the day or month that `second` is in ends.
    pub(super) fn window_end(&self, window: Window, anchor_day: AnchorDay, second: i64) -> i64 {
        let date = self.at(second).date();
        let next = match window {
            Window::Month => anchor_day.next_month_start(date),
            Window::Second | Window::Minute | Window::Hour | Window::Day => date.tomorrow().ok(),
        };
        next.and_then(|date| self.date_start(date)).unwrap_or(i64::MAX)
    }

    /// When the zone's clocks first show this date or, if they leave it out, a later one.
    fn date_start(&self, date: Date) -> Option<i64> {
        day_start(&date.to_zoned(self.0.clone()).ok()?)
    }

    fn clock_floor(&self, second: i64, unit: i64) -> i64 {
        let start = second - (second + self.offset(second)).rem_euclid(unit);
        // Before a change the clocks showed another time: no window reaches over it, unless they agree.
        match self.changed_at(second) {
            Some(change) if change > start && self.offset(change - 1) != self.offset(change) => change,
            _ => start,
        }
    }
}

fn day_start(zoned: &Zoned) -> Option<i64> {
    zoned.start_of_day().ok().map(|start| start.timestamp().as_second())
}

/// Held at the ends of what can be said.
fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_on_the_anchor_day_with_the_day_of_the_zone() {
        let check = |zone: &str, anchor_day: u8, at: &str, start: &str, end: &str| {
            let (zone, anchor_day): (Zone, _) = (zone.parse().unwrap(), AnchorDay::try_from(anchor_day).unwrap());
            let second = at.parse::<Timestamp>().unwrap().as_second();
            let found = [
                zone.window_start(Window::Month, anchor_day, second),
                zone.window_end(Window::Month, anchor_day, second),
            ];
            let shown = found.map(|second| zone.show(Time::from_seconds(second)));
            assert_eq!(shown, [start, end], "{at} in {zone} from day {anchor_day} on");
        };
        let berlin = |at: &str, start: &str, end: &str| check("Europe/Berlin", 15, at, start, end);
        // Winter's months, those of the changes, and the seconds around a beginning.
        berlin(
            "2026-02-14T22:59:59Z",
            "2026-01-15T00:00:00+01:00",
            "2026-02-15T00:00:00+01:00",
        );
        berlin(
            "2026-02-14T23:00:00Z",
            "2026-02-15T00:00:00+01:00",
            "2026-03-15T00:00:00+01:00",
        );
        berlin(
            "2026-04-14T21:59:59Z",
            "2026-03-15T00:00:00+01:00",
            "2026-04-15T00:00:00+02:00",
        );
        berlin(
            "2026-11-14T22:59:59Z",
            "2026-10-15T00:00:00+02:00",
            "2026-11-15T00:00:00+01:00",
        );
        check(
            "UTC",
            31,
            "2026-02-28T00:00:00Z",
            "2026-02-28T00:00:00+00:00",
            "2026-03-31T00:00:00+00:00",
        );
        check(
            "UTC",
            31,
            "2024-02-28T23:59:59Z",
            "2024-01-31T00:00:00+00:00",
            "2024-02-29T00:00:00+00:00",
        );
        // The clocks change on the anchor day itself: 23 and 25 hours.
        let changing = |day, at: &str, start: &str, end: &str| check("Europe/Berlin", day, at, start, end);
        changing(
            29,
            "2026-03-29T12:00:00Z",
            "2026-03-29T00:00:00+01:00",
            "2026-04-29T00:00:00+02:00",
        );
        changing(
            25,
            "2026-10-25T12:00:00Z",
            "2026-10-25T00:00:00+02:00",
            "2026-11-25T00:00:00+01:00",
        );
        // Beirut has no midnight on 2026-03-29; Apia had no 30th of December 2011 at all.
        check(
            "Asia/Beirut",
            29,
            "2026-04-01T00:00:00Z",
            "2026-03-29T01:00:00+03:00",
            "2026-04-29T00:00:00+03:00",
        );
        check(
            "Pacific/Apia",
            30,
            "2011-12-30T09:59:59Z",
            "2011-11-30T00:00:00-10:00",
            "2011-12-31T00:00:00+14:00",
        );
        check(
            "Pacific/Apia",
            30,
            "2011-12-30T10:00:00Z",
            "2011-12-31T00:00:00+14:00",
            "2012-01-30T00:00:00+14:00",
        );
    }
}
