//! What holds for all days, zones and instants.

use jiff::{civil::Date, tz::TimeZone};
use nexus_calendar::{Calendar, Period, Time};
use proptest::prelude::*;

use crate::{ZONES, calendar};

const NANO: std::time::Duration = std::time::Duration::from_nanos(1);

/// The name of a month by the date alone: of the calendar month, or of the one before as long as the anchor day is not
/// there.
fn name_by_date(zone: &str, anchor_day: i8, at: Time) -> String {
    let date = date_at(zone, at);
    let first = date.first_of_month();
    let month = if date.day() < anchor_day {
        first.yesterday().unwrap()
    } else {
        first
    };
    format!("{:04}-{:02}", month.year(), month.month())
}

fn date_at(zone: &str, at: Time) -> Date {
    let zone = TimeZone::get(zone).unwrap();
    zone.to_datetime(jiff::Timestamp::from_nanosecond(at.nanos().into()).unwrap())
        .date()
}

/// The first date from `first` on that is the anchor day, or the last of a month that has none.
fn begins_on(mut date: Date, anchor_day: i8) -> Date {
    while date.day() != anchor_day && !(date.day() < anchor_day && date == date.last_of_month()) {
        date = date.tomorrow().unwrap();
    }
    date
}

#[test]
fn months_follow_one_another_without_gap_from_their_own_days_on() {
    for zone in ZONES {
        for anchor_day in 1..=31 {
            let calendar: Calendar = calendar(zone, anchor_day);
            let anchor_day = i8::try_from(anchor_day).unwrap();
            let mut period: Period = "1985-01".parse().unwrap();
            while period < "2030-01".parse().unwrap() {
                let (start, next) = (calendar.start(period), period.next());
                let what = format!("{period} in {zone} from day {anchor_day} on");
                assert!(start < calendar.end(period), "{what}");
                assert_eq!(calendar.end(period), calendar.start(next), "{what}");
                assert_eq!(calendar.period_of(start), period, "{what}");
                assert_eq!(calendar.period_of(start.before(NANO)), period.previous(), "{what}");
                assert_eq!(next.previous(), period);
                assert_eq!(Period::from_ordinal(period.ordinal()), Ok(period));

                let first = Date::new(period.year(), period.month(), 1).unwrap();
                let expected = begins_on(first, anchor_day);
                let shown = date_at(zone, start);
                // A day that a zone left out is replaced by the one after it.
                assert!(
                    shown == expected || (shown == expected.tomorrow().unwrap() && is_left_out(zone, expected)),
                    "{what}: {shown}"
                );
                assert!(date_at(zone, start.before(NANO)) < expected, "{what}");
                period = next;
            }
        }
    }
}

fn is_left_out(zone: &str, date: Date) -> bool {
    let noon = date.at(12, 0, 0, 0).to_zoned(TimeZone::get(zone).unwrap()).unwrap();
    noon.date() != date
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_instant_lies_in_exactly_one_month(
        zone in 0..ZONES.len(),
        anchor_day in 1..=31_u8,
        // The years from 1700 to 2250.
        nanos in -8_520_000_000_000_000_000..8_830_000_000_000_000_000_i64,
    ) {
        let (calendar, at) = (calendar(ZONES[zone], anchor_day), Time::from_nanos(nanos));
        let period = calendar.period_of(at);
        let around = [period.previous().previous(), period.previous(), period, period.next(), period.next().next()];
        let holds = |period: &&Period| calendar.start(**period) <= at && at < calendar.end(**period);
        prop_assert_eq!(around.iter().filter(holds).collect::<Vec<_>>(), [&period]);
        prop_assert!(calendar.end(period) < period.over_by());
    }

    #[test]
    fn months_that_begin_by_the_28th_have_the_names_that_stores_know(
        zone in 0..ZONES.len(),
        anchor_day in 1..=28_u8,
        // The years from 2012 to 2100, in which no clocks were put back over midnight.
        second in 1_325_376_000..4_102_444_800_i64,
    ) {
        let zone = ZONES[zone];
        let at = Time::from_seconds(second);
        let expected = name_by_date(zone, i8::try_from(anchor_day).unwrap(), at);
        prop_assert_eq!(calendar(zone, anchor_day).period_of(at).to_string(), expected);
    }

    #[test]
    fn the_days_of_a_zone_hold_every_second_once(zone in 0..ZONES.len(), second in 0..4_102_444_800_i64) {
        let zone: nexus_calendar::Zone = ZONES[zone].parse().unwrap();
        let (start, end) = (zone.day_start(second), zone.day_end(second));
        prop_assert!(start <= second);
        prop_assert!(second < end || zone.day_start(end) == end);
        prop_assert!(zone.clock_floor(second, 3_600) <= second);
    }
}
