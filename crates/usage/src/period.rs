use std::{fmt, str::FromStr, time::Duration};

use jiff::civil;

use crate::Timestamp;

/// A month of usage, named by the year and month in which it begins.
///
/// When exactly it begins and ends is the [`Calendar`](crate::Calendar)'s to say. Ledgers know the name only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    year: i16,
    month: i8,
}

impl Period {
    /// The first of all.
    pub(crate) const FIRST: Period = Period { year: 0, month: 1 };
    /// Years of four digits.
    const YEARS: std::ops::RangeInclusive<i16> = 0..=9998;
    /// How long a ledger keeps a period at least after its end, unless it is told otherwise.
    const KEPT: Duration = Duration::from_secs(35 * 24 * 60 * 60);

    /// The period that begins in this month (1 to 12) of this year (0 to 9998).
    pub fn new(year: i16, month: i8) -> Result<Self, PeriodError> {
        if !Period::YEARS.contains(&year) || !(1..=12).contains(&month) {
            return Err(PeriodError(format!("{year:04}-{month:02}")));
        }
        Ok(Period { year, month })
    }

    /// The year in which it begins.
    pub const fn year(self) -> i16 {
        self.year
    }

    /// The month in which it begins, 1 to 12.
    pub const fn month(self) -> i8 {
        self.month
    }

    /// Months since January of the year 0.
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
        let (year, month) = if self.month == 12 {
            (self.year + 1, 1)
        } else {
            (self.year, self.month + 1)
        };
        Period::new(year, month).unwrap_or(self)
    }

    /// The period before this one; the first one is its own predecessor.
    #[must_use]
    pub fn previous(self) -> Self {
        let (year, month) = if self.month == 1 {
            (self.year - 1, 12)
        } else {
            (self.year, self.month - 1)
        };
        Period::new(year, month).unwrap_or(self)
    }

    /// A moment by which the period of this name has been over for at least 35 days, in every zone and on every anchor day:
    /// what a store that forgets by itself is told to keep it until.
    pub fn kept_until(self) -> Timestamp {
        // An anchor day of 28 or less in the month after it, and the zones that are furthest behind UTC.
        let begins = civil::date(self.year, self.month, 1).to_zoned(jiff::tz::TimeZone::UTC);
        let begins = begins.map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond());
        Timestamp::from_millis(begins)
            .plus(Duration::from_secs((31 + 31 + 2) * 24 * 60 * 60))
            .plus(Period::KEPT)
    }

    /// The first or the last period, whichever is nearer to this year.
    pub(crate) fn nearest(year: i16) -> Self {
        let year = year.clamp(*Period::YEARS.start(), *Period::YEARS.end());
        Period {
            year,
            month: if year == *Period::YEARS.start() { 1 } else { 12 },
        }
    }

    pub(crate) fn first_day(self) -> civil::Date {
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
