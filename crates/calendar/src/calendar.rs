//! Which period an instant lies in, and when a period begins and ends.

use crate::{AnchorDay, Period, Time, Zone};

/// When periods begin and end: at the start of one day of the month, in one time zone.
///
/// All that share a store must share a calendar: a store knows the names of periods only.
///
/// ```
/// use nexus_calendar::{AnchorDay, Calendar, Time};
///
/// let utc = Calendar::UTC;
/// let last = Time::from_millis(1_764_547_199_900);
/// let first = Time::from_millis(1_764_547_200_100);
/// assert_eq!(utc.period_of(last).to_string(), "2025-11");
/// assert_eq!(utc.period_of(first).to_string(), "2025-12");
///
/// let invoices = Calendar::new("Europe/Berlin".parse()?, AnchorDay::try_from(15)?);
/// assert_eq!(invoices.period_of(first).to_string(), "2025-11");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    zone: Zone,
    anchor_day: AnchorDay,
}

impl Calendar {
    /// Months as everybody counts them in UTC.
    pub const UTC: Calendar = Calendar {
        zone: Zone::UTC,
        anchor_day: AnchorDay::FIRST,
    };

    /// Periods that begin on this day of the month, in this zone.
    #[must_use]
    pub const fn new(zone: Zone, anchor_day: AnchorDay) -> Self {
        Calendar { zone, anchor_day }
    }

    /// In which zone periods begin.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The period in which this instant lies: `start <= at && at < end`.
    #[must_use]
    pub fn period_of(&self, at: Time) -> Period {
        let second = at.seconds();
        // The date alone does not tell: clocks that are put back at midnight show the end of a day again after the next
        // one has begun, and that is no reason to return to the month before.
        let shown = Period::of(self.zone.date_at(second));
        if second < self.first_second(shown) {
            shown.previous()
        } else if second >= self.first_second(shown.next()) {
            shown.next()
        } else {
            shown
        }
    }

    /// The first instant of a period, held at the ends of what a [`Time`] can say.
    #[must_use]
    pub fn start(&self, period: Period) -> Time {
        Time::from_seconds(self.first_second(period))
    }

    /// The first instant after a period.
    #[must_use]
    pub fn end(&self, period: Period) -> Time {
        self.start(period.next())
    }

    fn first_second(&self, period: Period) -> i64 {
        self.zone.date_start(self.anchor_day.in_month_of(period.first_date()))
    }
}
