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

impl Default for AnchorDay {
    fn default() -> Self {
        AnchorDay(1)
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

impl AnchorDay {
    /// The first day of the month that `date` is in. None before the first year that can be said.
    pub(super) fn month_start(self, date: Date) -> Option<Date> {
        let here = self.of_month(date)?;
        if here <= date {
            return Some(here);
        }
        self.of_month(date.first_of_month().yesterday().ok()?)
    }

    /// The first day of the month after the one that `date` is in. None after the last year that can be said.
    pub(super) fn next_month_start(self, date: Date) -> Option<Date> {
        let here = self.of_month(date)?;
        if here > date {
            return Some(here);
        }
        self.of_month(date.last_of_month().tomorrow().ok()?)
    }

    /// The day on which a month begins in this calendar month.
    fn of_month(self, date: Date) -> Option<Date> {
        let day = self.0.min(date.days_in_month());
        date.with().day(day).build().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_month_begins_on_its_last_day() {
        let check = |anchor: u8, date: &str, start: &str, next: &str| {
            let (anchor, date) = (AnchorDay::try_from(anchor).unwrap(), date.parse().unwrap());
            let found = (anchor.month_start(date), anchor.next_month_start(date));
            let expected = (start.parse().ok(), next.parse().ok());
            assert_eq!(found, expected, "{date} from day {anchor} on");
        };
        check(1, "2026-02-01", "2026-02-01", "2026-03-01");
        check(1, "2026-12-31", "2026-12-01", "2027-01-01");
        check(15, "2026-11-14", "2026-10-15", "2026-11-15");
        check(15, "2026-11-15", "2026-11-15", "2026-12-15");
        check(15, "2027-01-14", "2026-12-15", "2027-01-15");
        check(28, "2026-02-27", "2026-01-28", "2026-02-28");
        check(28, "2026-02-28", "2026-02-28", "2026-03-28");
        check(29, "2026-02-28", "2026-02-28", "2026-03-29");
        check(29, "2024-02-28", "2024-01-29", "2024-02-29");
        check(29, "2024-02-29", "2024-02-29", "2024-03-29");
        check(30, "2026-02-27", "2026-01-30", "2026-02-28");
        check(30, "2024-02-29", "2024-02-29", "2024-03-30");
        check(30, "2026-03-29", "2026-02-28", "2026-03-30");
        check(31, "2026-01-31", "2026-01-31", "2026-02-28");
        check(31, "2026-03-30", "2026-02-28", "2026-03-31");
        check(31, "2026-03-31", "2026-03-31", "2026-04-30");
        check(31, "2026-05-30", "2026-04-30", "2026-05-31");
        check(31, "2026-12-31", "2026-12-31", "2027-01-31");
        check(31, "9999-12-30", "9999-11-30", "9999-12-31");
        check(31, "9999-12-31", "9999-12-31", "no more");
        check(15, "-009999-01-14", "no more", "-009999-01-15");
    }

    #[test]
    fn a_day_is_a_number_from_1_to_31() {
        let check = |text: &str, expected: Option<i8>| {
            assert_eq!(text.parse().ok(), expected.map(AnchorDay), "{text:?}");
        };
        check("1", Some(1));
        check("31", Some(31));
        check("07", Some(7));
        check("0", None);
        check("32", None);
        check("256", None);
        check("-1", None);
        check("+1", None);
        check("1.5", None);
        check("", None);
        check("last", None);
    }
}
