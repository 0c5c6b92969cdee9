//! Months by example.

use nexus_calendar::{Calendar, Period, Time, Zone};

use crate::{at, calendar};

#[test]
fn a_moment_belongs_to_one_period() {
    let check = |zone: &str, anchor_day: u8, moment: &str, expected: &str| {
        let calendar = calendar(zone, anchor_day);
        let period = calendar.period_of(at(moment));
        assert_eq!(
            period.to_string(),
            expected,
            "{moment} in {zone} from day {anchor_day} on"
        );
        assert!(calendar.start(period) <= at(moment) && at(moment) < calendar.end(period));
        assert!(calendar.end(period) < period.over_by());
    };
    check("UTC", 1, "2026-11-30T23:59:59.999Z", "2026-11");
    check("UTC", 1, "2026-12-01T00:00:00Z", "2026-12");
    check("UTC", 1, "2026-12-31T23:59:59.999Z", "2026-12");
    check("UTC", 1, "2024-02-29T12:00:00Z", "2024-02");
    check("UTC", 1, "1969-12-31T23:59:59.999Z", "1969-12");
    check("UTC", 15, "2026-11-14T23:59:59.999Z", "2026-10");
    check("UTC", 15, "2026-11-15T00:00:00Z", "2026-11");
    check("UTC", 28, "2026-01-01T00:00:00Z", "2025-12");
    check("Europe/Berlin", 1, "2026-11-30T22:59:59.999Z", "2026-11");
    check("Europe/Berlin", 1, "2026-11-30T23:00:00Z", "2026-12");
    check("Europe/Berlin", 1, "2026-06-30T22:00:00Z", "2026-07");
    check("America/St_Johns", 1, "2026-12-01T03:29:59.999Z", "2026-11");
    check("America/St_Johns", 1, "2026-12-01T03:30:00Z", "2026-12");
    check("Pacific/Kiritimati", 28, "2026-11-27T10:00:00Z", "2026-11");
}

#[test]
fn a_short_month_begins_on_its_last_day() {
    let check = |anchor_day: u8, date: &str, start: &str, next: &str| {
        let calendar = calendar("UTC", anchor_day);
        let midnight = |date: &str| at(&format!("{date}T00:00:00Z"));
        // All day long.
        for moment in [midnight(date), at(&format!("{date}T23:59:59.999999999Z"))] {
            let period = calendar.period_of(moment);
            let found = (calendar.start(period), calendar.end(period));
            assert_eq!(
                found,
                (midnight(start), midnight(next)),
                "{date} from day {anchor_day} on"
            );
        }
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
    // No leap year, and one.
    check(31, "2100-02-28", "2100-02-28", "2100-03-31");
    check(31, "2000-02-29", "2000-02-29", "2000-03-31");
}

#[test]
fn months_begin_on_the_anchor_day_with_the_day_of_the_zone() {
    let check = |zone: &str, anchor_day: u8, moment: &str, start: &str, end: &str| {
        let calendar = calendar(zone, anchor_day);
        let period = calendar.period_of(at(moment));
        let zone: Zone = zone.parse().unwrap();
        let shown = [calendar.start(period), calendar.end(period)].map(|time| zone.show(time));
        assert_eq!(shown, [start, end], "{moment} in {zone} from day {anchor_day} on");
    };
    let berlin = |day, moment: &str, start: &str, end: &str| check("Europe/Berlin", day, moment, start, end);
    // Winter's months, those of the changes, and the seconds around a beginning.
    berlin(
        15,
        "2026-02-14T22:59:59Z",
        "2026-01-15T00:00:00+01:00",
        "2026-02-15T00:00:00+01:00",
    );
    berlin(
        15,
        "2026-02-14T23:00:00Z",
        "2026-02-15T00:00:00+01:00",
        "2026-03-15T00:00:00+01:00",
    );
    berlin(
        15,
        "2026-04-14T21:59:59Z",
        "2026-03-15T00:00:00+01:00",
        "2026-04-15T00:00:00+02:00",
    );
    berlin(
        15,
        "2026-11-14T22:59:59Z",
        "2026-10-15T00:00:00+02:00",
        "2026-11-15T00:00:00+01:00",
    );
    check(
        "UTC",
        31,
        "2026-02-28T00:00:00Z",
        "2026-02-28T00:00:00+00:00",
        "2026-03-31T00:00:00+00:00",
    );
    check(
        "UTC",
        31,
        "2024-02-28T23:59:59Z",
        "2024-01-31T00:00:00+00:00",
        "2024-02-29T00:00:00+00:00",
    );
    // The clocks change on the anchor day itself: 23 and 25 hours.
    berlin(
        29,
        "2026-03-29T12:00:00Z",
        "2026-03-29T00:00:00+01:00",
        "2026-04-29T00:00:00+02:00",
    );
    berlin(
        25,
        "2026-10-25T12:00:00Z",
        "2026-10-25T00:00:00+02:00",
        "2026-11-25T00:00:00+01:00",
    );
    // Beirut has no midnight on 2026-03-29; Apia had no 30th of December 2011 at all.
    check(
        "Asia/Beirut",
        29,
        "2026-04-01T00:00:00Z",
        "2026-03-29T01:00:00+03:00",
        "2026-04-29T00:00:00+03:00",
    );
    check(
        "Pacific/Apia",
        30,
        "2011-12-30T09:59:59Z",
        "2011-11-30T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
    );
    check(
        "Pacific/Apia",
        30,
        "2011-12-30T10:00:00Z",
        "2011-12-31T00:00:00+14:00",
        "2012-01-30T00:00:00+14:00",
    );
    // In St. John's, a minute after the 1st of November 2009 had begun, it was 23:01 of the 31st of October once more.
    let st_johns = |moment: &str| {
        check(
            "America/St_Johns",
            1,
            moment,
            "2009-11-01T00:00:00-02:30",
            "2009-12-01T00:00:00-03:30",
        );
    };
    st_johns("2009-11-01T02:30:00Z");
    st_johns("2009-11-01T02:31:00Z");
    st_johns("2009-11-01T03:29:59Z");
    st_johns("2009-11-01T03:30:00Z");
}

#[test]
fn any_moment_has_a_period() {
    for millis in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
        let moment = Time::from_millis(millis);
        for calendar in [
            Calendar::UTC,
            calendar("Pacific/Apia", 31),
            calendar("America/New_York", 30),
        ] {
            let period = calendar.period_of(moment);
            assert!(
                calendar.start(period) <= moment && moment <= calendar.end(period),
                "{period}"
            );
            assert!(calendar.end(period) <= period.over_by());
        }
    }
    assert_eq!(Period::FIRST.previous(), Period::FIRST);
    assert_eq!(Period::LAST.next(), Period::LAST);
}
