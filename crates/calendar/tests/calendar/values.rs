//! How things are written, and what is refused.

use std::time::{Duration, SystemTime};

use nexus_calendar::{AnchorDay, Clock, Period, Time, Zone};

#[test]
fn a_day_is_a_number_from_1_to_31() {
    let check = |text: &str, expected: Option<u8>| {
        let expected = expected.map(|day| AnchorDay::try_from(day).unwrap());
        assert_eq!(text.parse().ok(), expected, "{text:?}");
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
    for day in [0, 32, 255] {
        let refused = AnchorDay::try_from(day).unwrap_err().to_string();
        assert!(refused.contains("from 1 to 31"), "{refused}");
    }
    assert_eq!(AnchorDay::default().to_string(), "1");
}

#[test]
fn a_period_is_four_digits_and_two() {
    let check = |text: &str, is_one: bool| {
        let period = text.parse::<Period>();
        assert_eq!(period.is_ok(), is_one, "{text:?}");
        if let Ok(period) = period {
            assert_eq!(period.to_string(), text);
        }
    };
    check("2026-11", true);
    check("0000-01", true);
    check("9998-12", true);
    for text in [
        "",
        "2026",
        "2026-0",
        "2026-00",
        "2026-13",
        "26-11",
        "2026-11-01",
        "+026-11",
        "2026-1a",
        "9999-01",
    ] {
        check(text, false);
    }
}

#[test]
fn a_zone_is_a_name_of_the_database() {
    for name in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
        assert_eq!(name.parse::<Zone>().unwrap().to_string(), name);
    }
    let refused = "Mars/Olympus".parse::<Zone>().unwrap_err().to_string();
    assert!(
        refused.contains("Mars/Olympus") && refused.contains("Europe/Berlin"),
        "{refused}"
    );
    assert_eq!(
        "Europe/Berlin".parse::<Zone>().unwrap().show(Time::default()),
        "1970-01-01T01:00:00+01:00"
    );
}

#[test]
fn instants_are_held_at_the_ends_and_rounded_down() {
    assert_eq!(Time::from_nanos(-1).seconds(), -1);
    assert_eq!(Time::from_nanos(-1).millis(), -1);
    assert_eq!(Time::from_millis(-1_001).seconds(), -2);
    assert_eq!(
        Time::from_seconds(i64::MAX).after(Duration::MAX),
        Time::from_nanos(i64::MAX)
    );
    assert_eq!(Time::from_millis(i64::MIN).before(Duration::MAX), Time::MIN);
    assert_eq!(
        Time::from_millis(3).since(Time::from_millis(1)),
        Duration::from_millis(2)
    );
    assert_eq!(Time::from_millis(1).since(Time::from_millis(3)), Duration::ZERO);
    assert_eq!(Time::MIN.since(Time::from_nanos(i64::MAX)), Duration::ZERO);
    let before = SystemTime::UNIX_EPOCH - Duration::from_millis(1);
    assert_eq!(Time::from(before), Time::from_millis(-1));
    assert_eq!(Time::from_millis(1_500).to_string(), "1970-01-01T00:00:01.5Z");
}

#[test]
fn a_clock_says_what_it_is_told_to_and_by_default_what_the_machine_says() {
    assert_eq!(Clock::new(|| Time::from_seconds(7)).now(), Time::from_seconds(7));
    assert!(Time::now().since(Clock::default().now()) < Duration::from_secs(3_600));
    assert_eq!(format!("{:?}", Clock::new(Time::now)), "Clock::new(..)");
}
