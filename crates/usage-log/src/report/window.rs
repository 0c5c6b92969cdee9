//! How long the windows of a report are, and where they begin and end.

use std::{fmt, str::FromStr};

use nexus_calendar::{Calendar, Time};

/// How long the windows of a report are. They begin where the zone's clocks show a round time: a day of a zone has 23 or 25
/// hours when its clocks change, and a window of hours or less may be cut at the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// Some seconds, minutes or hours, of which a minute, an hour or a day is a multiple: `15m`.
    Multiple(Multiple),
    /// A calendar day.
    Day,
    /// A week from Monday on, as ISO 8601 has it.
    Week,
    /// A month, from the query's [`AnchorDay`](crate::AnchorDay) on.
    Month,
}

/// How long a [`Window::Multiple`] is. Read a window from a text to have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Multiple {
    seconds: u32,
}

const MINUTE: u32 = 60;
const HOUR: u32 = 3_600;
const DAY: u32 = 86_400;

impl Window {
    /// Those without multiples.
    pub const ALL: [Window; 6] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
    ];

    /// How long it is by the clock; none if it is made of days.
    #[must_use]
    pub fn seconds(self) -> Option<i64> {
        match self {
            Self::Second => Some(1),
            Self::Minute => Some(MINUTE.into()),
            Self::Hour => Some(HOUR.into()),
            Self::Multiple(multiple) => Some(multiple.seconds.into()),
            Self::Day | Self::Week | Self::Month => None,
        }
    }

    /// One of so many seconds, if it fits into a minute, an hour or a day without a rest.
    fn of_seconds(seconds: u32) -> Option<Self> {
        let fits =
            |unit: u32, whole: u32| seconds < whole && seconds.is_multiple_of(unit) && whole.is_multiple_of(seconds);
        match seconds {
            0 => None,
            1 => Some(Self::Second),
            MINUTE => Some(Self::Minute),
            HOUR => Some(Self::Hour),
            DAY => Some(Self::Day),
            _ => (fits(1, MINUTE) || fits(MINUTE, HOUR) || fits(HOUR, DAY))
                .then_some(Self::Multiple(Multiple { seconds })),
        }
    }

    /// When the month that `second` is in ends; for all other windows, the day.
    pub(super) fn end(self, calendar: &Calendar, second: i64) -> i64 {
        match self {
            Window::Month => calendar.end(calendar.period_of(Time::from_seconds(second))).seconds(),
            _ => calendar.zone().day_end(second),
        }
    }

    /// When the window that `second` is in begins.
    pub(super) fn start(self, calendar: &Calendar, second: i64) -> i64 {
        let zone = calendar.zone();
        match (self, self.seconds()) {
            (Window::Second, _) => second,
            (_, Some(seconds)) => zone.clock_floor(second, seconds),
            (Window::Week, None) => zone.week_start(second),
            (Window::Month, None) => calendar.start(calendar.period_of(Time::from_seconds(second))).seconds(),
            (_, None) => zone.day_start(second),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Second => f.write_str("1s"),
            Self::Minute => f.write_str("1m"),
            Self::Hour => f.write_str("1h"),
            Self::Day => f.write_str("1d"),
            Self::Week => f.write_str("1w"),
            Self::Month => f.write_str("1mo"),
            Self::Multiple(Multiple { seconds }) => match seconds {
                seconds if seconds.is_multiple_of(HOUR) => write!(f, "{}h", seconds / HOUR),
                seconds if seconds.is_multiple_of(MINUTE) => write!(f, "{}m", seconds / MINUTE),
                seconds => write!(f, "{seconds}s"),
            },
        }
    }
}

/// A text that names no [`Window`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a window is 1d, 1w, 1mo, or seconds, minutes or hours of which a minute, an hour or a day is a multiple: 1s, 30s, 5m, 15m, 1h, 6h"
)]
pub struct UnknownWindow;

impl FromStr for Window {
    type Err = UnknownWindow;

    fn from_str(name: &str) -> Result<Self, UnknownWindow> {
        let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
        let (count, unit) = name.split_at_checked(digits).ok_or(UnknownWindow)?;
        let count: u32 = count.parse().map_err(|_| UnknownWindow)?;
        let window = match (unit, count) {
            ("w", 1) => Some(Self::Week),
            ("mo", 1) => Some(Self::Month),
            ("d", 1) => Some(Self::Day),
            ("s", _) => Self::of_seconds(count),
            ("m", _) => count.checked_mul(MINUTE).and_then(Self::of_seconds),
            ("h", _) => count.checked_mul(HOUR).and_then(Self::of_seconds),
            _ => None,
        };
        window.ok_or(UnknownWindow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_units_and_what_divides_the_next_one() {
        let check = |text: &str, expected: Option<&str>| {
            let window = text.parse::<Window>().ok().map(|window| window.to_string());
            assert_eq!(window.as_deref(), expected, "{text}");
        };
        for text in [
            "1s", "1m", "1h", "1d", "1w", "1mo", "5s", "30s", "5m", "15m", "20m", "6h", "12h",
        ] {
            check(text, Some(text));
        }
        check("60s", Some("1m"));
        check("900s", Some("15m"));
        check("60m", Some("1h"));
        check("24h", Some("1d"));
        for bad in [
            "",
            "s",
            "0s",
            "7s",
            "90s",
            "7m",
            "90m",
            "5h",
            "48h",
            "2d",
            "7d",
            "2w",
            "2mo",
            "1y",
            "15",
            "15 m",
            "-15m",
            "1M",
            "99999999999s",
            "1193047h",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let calendar = Calendar::new("Europe/Berlin".parse().unwrap(), crate::AnchorDay::default());
        // 2026-03-29 is a Sunday, on which the clocks change.
        let sunday: i64 = 1_774_785_600;
        let monday = Window::Week.start(&calendar, sunday);
        assert_eq!(
            calendar.zone().show(Time::from_seconds(monday)),
            "2026-03-23T00:00:00+01:00"
        );
        assert_eq!(Window::Week.start(&calendar, monday), monday);
        assert_eq!(Window::Week.start(&calendar, monday + 7 * 86_400 - 3_601), monday);
        let next = Window::Week.start(&calendar, monday + 7 * 86_400);
        assert_eq!(
            calendar.zone().show(Time::from_seconds(next)),
            "2026-03-30T00:00:00+02:00"
        );
    }
}
