//! What is taken, and for how long it is kept: the same in every sink with sums of its own.

use std::time::Duration;

use nexus_calendar::Clock;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// What a sink takes, and for how long it keeps it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Retention {
    /// How old an event from elsewhere may be. Default 35 days.
    pub late_max: Duration,
    /// How far in the future a record may end before it is quarantined. Default 5 minutes.
    pub future_max: Duration,
    /// How long after its end an hour is closed: what comes later is also an adjustment. Default 1 hour.
    pub closes_after: Duration,
    /// How long ids of events are kept, beside the day of their arrival. Default 41 days; at least `late_max` and 40 days
    /// are kept in any case.
    pub ids_kept: Duration,
    /// How long the records themselves, and the quarantined ones, are kept. Default 40 days.
    pub raw_kept: Duration,
    /// How long the sums by second are kept. Default 40 days.
    pub seconds_kept: Duration,
    /// How long the sums by minute are kept. Default 400 days.
    pub minutes_kept: Duration,
    /// How long the sums by hour are kept: what months in other zones than UTC are made of. Default 10 years. Those by day
    /// are kept for good.
    pub hours_kept: Duration,
    /// How many combinations of dimensions are told apart. Beyond it, route, client and labels of new combinations are
    /// stored as `(other)`, none, and none. Default 1 000 000.
    pub series_max: u64,
    /// How many of them one source may make: a source that is not named is the key. Beyond it, its own are stored so, and beyond
    /// twice as many method, service and tenant as `(other)`, too; the log says so, once. A thousandth of `series_max` every source has, however many
    /// others have made. Default 100 000.
    pub series_per_source_max: u64,
    /// What is taken for the present.
    pub clock: Clock,
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            late_max: 35 * DAY,
            future_max: Duration::from_secs(300),
            closes_after: HOUR,
            ids_kept: 41 * DAY,
            raw_kept: 40 * DAY,
            seconds_kept: 40 * DAY,
            minutes_kept: 400 * DAY,
            hours_kept: 3_653 * DAY,
            series_max: 1_000_000,
            series_per_source_max: 100_000,
            clock: Clock::default(),
        }
    }
}

impl Retention {
    /// How long ids are kept: never shorter than an event may be late.
    pub(crate) fn ids_kept(&self) -> Duration {
        self.ids_kept.max(self.late_max).max(40 * DAY)
    }
}
