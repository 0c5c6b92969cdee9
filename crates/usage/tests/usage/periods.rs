//! When periods begin and end, and which one an event belongs to.

use nexus_usage::{Calendar, Field, Limits, Mode, Settings, Subject, SubjectError, Usage};

use crate::harness::{ONE, SetClock, World, amount, handle, moment, month, subject};

#[test]
fn what_is_no_name_is_refused() {
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
    assert_eq!(Subject::new(""), Err(SubjectError::Empty));
    assert_eq!(Subject::new("a\nb"), Err(SubjectError::ControlCharacter));
    assert_eq!(
        Subject::new(&"x".repeat(257)),
        Err(SubjectError::TooLong { bytes: 257 })
    );
}

#[tokio::test]
async fn events_around_midnight_land_in_their_own_months_whenever_the_flush_runs() {
    let (last, first) = (moment("2026-11-30T23:59:59.900Z"), moment("2026-12-01T00:00:00.100Z"));
    for flushes in ["before", "between", "after", "never but at the end"] {
        let world = World::new();
        world.clock.set("2026-11-30T23:59:59.500Z");
        let usage = world.hub().await;
        let handle = handle(&usage, Mode::Exact, 0);
        if flushes == "before" {
            usage.flush().await.unwrap();
        }
        handle.record_at(last, amount(1, 10, 100));
        if flushes == "between" {
            usage.flush().await.unwrap();
        }
        world.clock.set("2026-12-01T00:00:05Z");
        if flushes == "after" {
            usage.flush().await.unwrap();
        }
        handle.record_at(first, amount(2, 20, 200));
        // The one before midnight is told after it, by a clock that has moved on.
        handle.record_at(last, amount(4, 40, 400));
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
    let handle = handle(&usage, Mode::Exact, 2);
    handle.record(ONE);
    world.clock.set("2026-11-30T23:59:50Z");
    handle.record(ONE);
    handle.record(ONE);
    assert!(handle.admit(ONE).await.is_err(), "November is used up");
    world.clock.set("2026-12-01T00:00:10Z");
    assert!(handle.admit(ONE).await.is_ok(), "December is not");
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
    let handle = handle(&usage, Mode::Exact, 1);
    let reservation = handle.admit(ONE).await.unwrap();
    assert!(handle.admit(ONE).await.is_err());
    world.clock.set("2026-12-01T00:00:10Z");
    reservation.settle(ONE);
    assert_eq!(handle.totals(month("2026-12")).used(), ONE);
    assert_eq!(handle.standing(month("2026-11")).reserved.api_requests, 0);
    assert!(handle.admit(ONE).await.is_err(), "December's limit is 1 as well");
}

#[tokio::test]
async fn an_event_of_a_year_that_cannot_be_is_counted_all_the_same() {
    let world = World::new();
    let usage = world.hub().await;
    let handle = handle(&usage, Mode::Exact, 0);
    for at in [
        "1970-01-01T00:00:00Z",
        "2025-10-01T00:00:00Z",
        "2030-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
    ] {
        handle.record_at(moment(at), ONE);
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
    let calendar = Calendar::UTC;
    let settings = Settings {
        clock: clock.clock(),
        calendar,
        ..Settings::default()
    };
    let usage = Usage::open_idle(settings).await.unwrap();
    assert_eq!(usage.current_period(), month("2026-11"));
    assert_eq!(usage.until_period_end().as_secs(), 60);
    let handle = usage
        .register(
            &subject("a"),
            Mode::Exact,
            Limits {
                api_requests: 1,
                ..Limits::UNLIMITED
            },
        )
        .unwrap();
    handle.record(ONE);
    assert_eq!(handle.admit(ONE).await.unwrap_err().retry_after.as_secs(), 60);
}
