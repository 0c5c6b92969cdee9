//! The names of months.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use jiff::{civil, civil::Date};

use crate::Time;

/// A month, named by the year and the calendar month in which it begins.
///
/// When exactly it begins and ends is the [`Calendar`](crate::Calendar)'s to say. Stores know the name only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    year: i16,
    month: i8,
}

impl Period {
    /// The first of all.
    pub const FIRST: Period = Period { year: 0, month: 1 };
    /// The last of all.
    pub const LAST: Period = Period { year: 9998, month: 12 };
    /// Years of four digits.
    const YEARS: RangeInclusive<i16> = Period::FIRST.year..=Period::LAST.year;

    /// The period that begins in this month (1 to 12) of this year (0 to 9998).
    pub fn new(year: i16, month: i8) -> Result<Self, PeriodError> {
        if !Period::YEARS.contains(&year) || !(1..=12).contains(&month) {
            return Err(PeriodError(format!("{year:04}-{month:02}")));
        }
        Ok(Period { year, month })
    }

    /// The year in which it begins.
    #[must_use]
    pub const fn year(self) -> i16 {
        self.year
    }

    /// The month in which it begins, 1 to 12.
    #[must_use]
    pub const fn month(self) -> i8 {
        self.month
    }

    /// Months since January of the year 0.
    #[must_use]
    pub fn ordinal(self) -> u32 {
        let ordinal = i32::from(self.year) * 12 + i32::from(self.month) - 1;
        ordinal.unsigned_abs()
    }

    /// The period that is so many months after January of the year 0.
    pub fn from_ordinal(ordinal: u32) -> Result<Self, PeriodError> {
        let (year, month) = (i16::try_from(ordinal / 12), i8::try_from(ordinal % 12 + 1));
        match (year, month) {
            (Ok(year), Ok(month)) => Period::new(year, month),
            (_, _) => Err(PeriodError(format!("month {ordinal}"))),
        }
    }

    /// The period after this one; the last one is its own successor.
    #[must_use]
    pub fn next(self) -> Self {
        Period::from_ordinal(self.ordinal() + 1).unwrap_or(self)
    }

    /// The period before this one; the first one is its own predecessor.
    #[must_use]
    pub fn previous(self) -> Self {
        let before = self.ordinal().checked_sub(1);
        before.map_or(self, |ordinal| Period::from_ordinal(ordinal).unwrap_or(self))
    }

    /// An instant by which the period of this name is over, in every zone and whatever day it begins on.
    #[must_use]
    pub fn over_by(self) -> Time {
        // It ends on the last day of the next calendar month at the latest; zones are less than two days behind UTC.
        const DAYS: u64 = 31 + 31 + 2;
        let begins = self.first_date().to_zoned(jiff::tz::TimeZone::UTC);
        let begins = begins.map_or(i64::MAX, |zoned| zoned.timestamp().as_second());
        Time::from_seconds(begins).after(Duration::from_secs(DAYS * 24 * 60 * 60))
    }

    /// The one of the calendar month of this date; the first or last one for a date beyond.
    pub(crate) fn of(date: Date) -> Self {
        Period::new(date.year(), date.month()).unwrap_or(if date.year() < Period::FIRST.year {
            Period::FIRST
        } else {
            Period::LAST
        })
    }

    pub(crate) fn first_date(self) -> Date {
        civil::date(self.year, self.month, 1)
    }
}

/// `2026-11`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let malformed = || PeriodError(text.to_owned());
        let (year, month) = text.split_once('-').ok_or_else(malformed)?;
        let digits = |text: &str, len| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(malformed());
        }
        let (year, month) = (
            year.parse().map_err(|_| malformed())?,
            month.parse().map_err(|_| malformed())?,
        );
        Period::new(year, month).map_err(|_| malformed())
    }
}

/// This is not the name of a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a period is written YYYY-MM, as 2026-11, not {0:?}")]
pub struct PeriodError(String);
