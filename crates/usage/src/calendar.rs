use jiff::{ToSpan, civil, tz::TimeZone};

use crate::{Period, Timestamp};

/// When periods begin and end: at midnight of one day of the month, in one time zone.
///
/// All that share a ledger must share a calendar: a ledger knows the names of periods only.
///
/// ```
/// use nexus_usage::{Calendar, Timestamp};
///
/// let utc = Calendar::UTC;
/// let last = Timestamp::from_millis(1_764_547_199_900);
/// let first = Timestamp::from_millis(1_764_547_200_100);
/// assert_eq!(utc.period_of(last).to_string(), "2025-11");
/// assert_eq!(utc.period_of(first).to_string(), "2025-12");
///
/// let invoices = Calendar::new("Europe/Berlin", 15)?;
/// assert_eq!(invoices.period_of(first).to_string(), "2025-11");
/// # Ok::<(), nexus_usage::CalendarError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    zone: TimeZone,
    anchor_day: i8,
}

impl Calendar {
    /// Months as everybody counts them in UTC.
    pub const UTC: Calendar = Calendar {
        zone: TimeZone::UTC,
        anchor_day: 1,
    };

    /// Periods that begin on this day of the month (1 to 28, which every month has) in this zone of the IANA database, such as
    /// `UTC` or `Europe/Berlin`.
    pub fn new(zone: &str, anchor_day: i8) -> Result<Self, CalendarError> {
        if !(1..=28).contains(&anchor_day) {
            return Err(CalendarError::AnchorDay(anchor_day));
        }
        let zone = TimeZone::get(zone).map_err(|_| CalendarError::UnknownZone(zone.to_owned()))?;
        Ok(Calendar { zone, anchor_day })
    }

    /// The period in which this moment lies.
    pub fn period_of(&self, at: Timestamp) -> Period {
        let clamped = at.as_millis().clamp(
            jiff::Timestamp::MIN.as_millisecond() + DAY_MILLIS,
            jiff::Timestamp::MAX.as_millisecond() - DAY_MILLIS,
        );
        let moment = jiff::Timestamp::from_millisecond(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = self.zone.to_datetime(moment).date();
        let period = Period::new(date.year(), date.month()).unwrap_or_else(|_| Period::nearest(date.year()));
        if date.day() < self.anchor_day {
            period.previous()
        } else {
            period
        }
    }

    /// The first moment of a period.
    pub fn start(&self, period: Period) -> Timestamp {
        let days = i64::from(self.anchor_day) - 1;
        let day = period.first_day().checked_add(days.days()).unwrap_or(civil::Date::MAX);
        // Where midnight does not exist, the day begins later; where it exists twice, at the first.
        let begins = day
            .to_zoned(self.zone.clone())
            .map(|zoned| zoned.timestamp().as_millisecond());
        Timestamp::from_millis(begins.unwrap_or(i64::MAX))
    }

    /// The first moment after a period.
    pub fn end(&self, period: Period) -> Timestamp {
        self.start(period.next())
    }
}

impl Default for Calendar {
    fn default() -> Self {
        Calendar::UTC
    }
}

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// These cannot be periods.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// The database has no such zone.
    #[error("no time zone {0:?}: give a name of the IANA database, such as UTC or Europe/Berlin")]
    UnknownZone(String),
    /// Not every month has this day.
    #[error("periods begin on a day from 1 to 28, not {0}")]
    AnchorDay(i8),
}
