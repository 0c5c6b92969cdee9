//! The day of the month on which months begin.

use std::{fmt, str::FromStr};

use jiff::civil::Date;

/// On which day months begin, 1 to 31: on the 15th for a customer who is billed from the 15th to the 14th. A month that is
/// shorter begins on its last day, and the next one on the anchor day again, as subscriptions of Stripe do: with the 31st,
/// from January 31 to February 27, from February 28 to March 30, from March 31 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnchorDay(i8);

/// This is no [`AnchorDay`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no day on which months begin: say a number from 1 to 31")]
pub struct UnknownAnchorDay(String);

impl AnchorDay {
    /// Months as everybody counts them.
    pub const FIRST: AnchorDay = AnchorDay(1);

    /// The day on which a month begins in the calendar month of this date.
    pub(crate) fn in_month_of(self, date: Date) -> Date {
        let day = self.0.min(date.days_in_month());
        date.with().day(day).build().unwrap_or(date)
    }
}

impl Default for AnchorDay {
    fn default() -> Self {
        AnchorDay::FIRST
    }
}

impl TryFrom<u8> for AnchorDay {
    type Error = UnknownAnchorDay;

    fn try_from(day: u8) -> Result<Self, UnknownAnchorDay> {
        let known = i8::try_from(day).ok().filter(|day| (1..=31).contains(day));
        known.map(AnchorDay).ok_or_else(|| UnknownAnchorDay(day.to_string()))
    }
}

impl FromStr for AnchorDay {
    type Err = UnknownAnchorDay;

    fn from_str(text: &str) -> Result<Self, UnknownAnchorDay> {
        // A sign is no part of a day.
        let digits = text.parse::<u8>().ok().filter(|_| !text.starts_with('+'));
        let day = digits.and_then(|day| AnchorDay::try_from(day).ok());
        day.ok_or_else(|| UnknownAnchorDay(text.to_owned()))
    }
}

impl fmt::Display for AnchorDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
