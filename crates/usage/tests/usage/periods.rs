//! When periods begin and end, and which one an event belongs to.

use nexus_usage::{
    Backend, BackendError, Calendar, CalendarError, Field, Limits, Mode, Period, Settings, Timestamp, Usage,
};

use crate::harness::{ONE, SetClock, World, amount, backend, meter, moment, month};

#[test]
fn a_moment_belongs_to_one_period() {
    let rows = [
        ("UTC", 1, "2026-11-30T23:59:59.999Z", "2026-11"),
        ("UTC", 1, "2026-12-01T00:00:00Z", "2026-12"),
        ("UTC", 1, "2026-12-31T23:59:59.999Z", "2026-12"),
        ("UTC", 1, "2024-02-29T12:00:00Z", "2024-02"),
        ("UTC", 1, "1969-12-31T23:59:59.999Z", "1969-12"),
        ("UTC", 15, "2026-11-14T23:59:59.999Z", "2026-10"),
        ("UTC", 15, "2026-11-15T00:00:00Z", "2026-11"),
        ("UTC", 28, "2026-01-01T00:00:00Z", "2025-12"),
        ("Europe/Berlin", 1, "2026-11-30T22:59:59.999Z", "2026-11"),
        ("Europe/Berlin", 1, "2026-11-30T23:00:00Z", "2026-12"),
        ("Europe/Berlin", 1, "2026-06-30T22:00:00Z", "2026-07"),
        ("America/St_Johns", 1, "2026-12-01T03:29:59.999Z", "2026-11"),
        ("America/St_Johns", 1, "2026-12-01T03:30:00Z", "2026-12"),
        ("Pacific/Kiritimati", 28, "2026-11-27T10:00:00Z", "2026-11"),
    ];
    for (zone, anchor_day, at, expected) in rows {
        let calendar = Calendar::new(zone, anchor_day).unwrap();
        let period = calendar.period_of(moment(at));
        assert_eq!(period.to_string(), expected, "{at} in {zone} from the {anchor_day}th");
        assert!(
            calendar.start(period) <= moment(at) && moment(at) < calendar.end(period),
            "{at} in {zone}"
        );
        assert!(calendar.end(period) < period.kept_until());
    }
}

#[test]
fn periods_follow_each_other_without_gap_and_overlap() {
    for (zone, anchor_day) in [
        ("UTC", 1),
        ("Europe/Berlin", 1),
        ("America/Sao_Paulo", 21),
        ("Australia/Lord_Howe", 4),
    ] {
        let calendar = Calendar::new(zone, anchor_day).unwrap();
        let mut period = month("2010-01");
        while period < month("2030-01") {
            let end = calendar.end(period);
            assert_eq!(
                calendar.period_of(Timestamp::from_millis(end.as_millis() - 1)),
                period,
                "{zone}"
            );
            assert_eq!(calendar.period_of(end), period.next(), "{zone}");
            assert_eq!(period.next().previous(), period);
            assert_eq!(Period::from_ordinal(period.ordinal()).unwrap(), period);
            period = period.next();
        }
    }
}

#[test]
fn any_moment_has_a_period() {
    for millis in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
        let at = Timestamp::from_millis(millis);
        let period = Calendar::UTC.period_of(at);
        let _ = (
            Calendar::UTC.start(period),
            Calendar::UTC.end(period),
            period.kept_until(),
        );
    }
}

#[test]
fn what_is_no_name_is_refused() {
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
        assert!(text.parse::<Period>().is_err(), "{text}");
    }
    assert_eq!(
        Calendar::new("Mars/Olympus", 1),
        Err(CalendarError::UnknownZone("Mars/Olympus".into()))
    );
    for day in [0, 29, -1] {
        assert_eq!(Calendar::new("UTC", day), Err(CalendarError::AnchorDay(day)));
    }
    assert!(
        "requests"
            .parse::<Field>()
            .unwrap_err()
            .to_string()
            .contains("api_requests")
    );
    for field in Field::ALL {
        assert_eq!(field.name().parse(), Ok(field));
    }
    assert_eq!(Backend::new(""), Err(BackendError::Empty));
    assert_eq!(Backend::new("a\nb"), Err(BackendError::ControlCharacter));
    assert_eq!(
        Backend::new(&"x".repeat(257)),
        Err(BackendError::TooLong { bytes: 257 })
    );
}

#[tokio::test]
async fn events_around_midnight_land_in_their_own_months_whenever_the_flush_runs() {
    let (last, first) = (moment("2026-11-30T23:59:59.900Z"), moment("2026-12-01T00:00:00.100Z"));
    for flushes in ["before", "between", "after", "never but at the end"] {
        let world = World::new();
        world.clock.set("2026-11-30T23:59:59.500Z");
        let usage = world.hub().await;
        let meter = meter(&usage, Mode::Exact, 0);
        if flushes == "before" {
            usage.flush().await.unwrap();
        }
        meter.record_at(last, amount(1, 10, 100));
        if flushes == "between" {
            usage.flush().await.unwrap();
        }
        world.clock.set("2026-12-01T00:00:05Z");
        if flushes == "after" {
            usage.flush().await.unwrap();
        }
        meter.record_at(first, amount(2, 20, 200));
        // The one before midnight is told after it, by a clock that has moved on.
        meter.record_at(last, amount(4, 40, 400));
        usage.flush().await.unwrap();
        let rows = world.ledger.report(month("2026-11"), month("2026-12")).await.unwrap();
        let used: Vec<_> = rows.iter().map(|row| (row.period, row.totals.used())).collect();
        let expected = [
            (month("2026-11"), amount(5, 50, 500)),
            (month("2026-12"), amount(2, 20, 200)),
        ];
        assert_eq!(used, expected, "flushed {flushes}");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_back_over_midnight_counts_by_the_time_of_the_event() {
    let world = World::new();
    world.clock.set("2026-12-01T00:00:10Z");
    let usage = world.hub().await;
    let meter = meter(&usage, Mode::Exact, 2);
    meter.record(ONE);
    world.clock.set("2026-11-30T23:59:50Z");
    meter.record(ONE);
    meter.record(ONE);
    assert!(meter.admit(ONE).await.is_err(), "November is used up");
    world.clock.set("2026-12-01T00:00:10Z");
    assert!(meter.admit(ONE).await.is_ok(), "December is not");
    usage.flush().await.unwrap();
    assert_eq!(
        world.requests().await,
        [("2026-11 a".into(), 2), ("2026-12 a".into(), 1)].into()
    );
}

#[tokio::test]
async fn a_reservation_over_midnight_is_recorded_where_it_ended() {
    let world = World::new();
    world.clock.set("2026-11-30T23:59:50Z");
    let usage = world.hub().await;
    let meter = meter(&usage, Mode::Exact, 1);
    let reservation = meter.admit(ONE).await.unwrap();
    assert!(meter.admit(ONE).await.is_err());
    world.clock.set("2026-12-01T00:00:10Z");
    reservation.settle(ONE);
    assert_eq!(meter.totals(month("2026-12")).used(), ONE);
    assert_eq!(meter.standing(month("2026-11")).reserved.api_requests, 0);
    assert!(meter.admit(ONE).await.is_err(), "December's limit is 1 as well");
}

#[tokio::test]
async fn an_event_of_a_year_that_cannot_be_is_counted_all_the_same() {
    let world = World::new();
    let usage = world.hub().await;
    let meter = meter(&usage, Mode::Exact, 0);
    for at in [
        "1970-01-01T00:00:00Z",
        "2025-10-01T00:00:00Z",
        "2030-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
    ] {
        meter.record_at(moment(at), ONE);
    }
    usage.flush().await.unwrap();
    let expected = [
        ("2025-10 a".into(), 2),
        ("2030-01 a".into(), 1),
        ("2031-02 a".into(), 1),
    ];
    assert_eq!(world.requests().await, expected.into());
    assert_eq!(usage.status().misdated, 2);
}

#[tokio::test]
async fn the_current_period_and_its_end_are_known() {
    let clock = SetClock::at("2026-11-30T23:59:00Z");
    let calendar = Calendar::new("UTC", 1).unwrap();
    let settings = Settings {
        clock: clock.clock(),
        calendar,
        ..Settings::default()
    };
    let usage = Usage::open_idle(settings).await.unwrap();
    assert_eq!(usage.current_period(), month("2026-11"));
    assert_eq!(usage.until_period_end().as_secs(), 60);
    let meter = usage
        .register(
            &backend("a"),
            Mode::Exact,
            Limits {
                api_requests: 1,
                ..Limits::UNLIMITED
            },
        )
        .unwrap();
    meter.record(ONE);
    assert_eq!(meter.admit(ONE).await.unwrap_err().retry_after.as_secs(), 60);
}
