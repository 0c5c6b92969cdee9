//! How long the windows of a report are, and where they begin and end.

use std::str::FromStr;

use nexus_calendar::{Calendar, Time};

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
    /// A month, from the query's [`AnchorDay`](crate::AnchorDay) on.
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

    /// When the month that `second` is in ends; for all other windows, the day.
    pub(super) fn end(self, calendar: &Calendar, second: i64) -> i64 {
        match self {
            Window::Month => calendar.end(calendar.period_of(Time::from_seconds(second))).seconds(),
            Window::Second | Window::Minute | Window::Hour | Window::Day => calendar.zone().day_end(second),
        }
    }

    /// When the window that `second` is in begins.
    pub(super) fn start(self, calendar: &Calendar, second: i64) -> i64 {
        let zone = calendar.zone();
        match self {
            Window::Second => second,
            Window::Minute => zone.clock_floor(second, 60),
            Window::Hour => zone.clock_floor(second, 3_600),
            Window::Day => zone.day_start(second),
            Window::Month => calendar.start(calendar.period_of(Time::from_seconds(second))).seconds(),
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
