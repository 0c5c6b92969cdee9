//! What goes when it is past its time, and what stays.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use nexus_usage_log::{Clock, Query, ReportError, Reports, Retention, Sink as _, Tended, Time, UsageLog, Window};

use crate::harness::{PATIENCE, World, record};

const DAY: i64 = 86_400;
static NOW: AtomicI64 = AtomicI64::new(20_000 * DAY);

fn clock() -> Time {
    Time::from_seconds(NOW.load(Ordering::SeqCst))
}

#[test]
fn what_is_past_its_retention_goes_and_reports_say_so() {
    let world = World::new();
    let mut settings = Retention::default();
    settings.clock = Clock::new(clock);
    let log = UsageLog::open(world.spill(), world.sink_with(settings.clone())).unwrap();
    for day in 0..60 {
        let at = Time::from_seconds((20_000 - day) * DAY + 30);
        (0..3).for_each(|second| log.record(record("acme", 200, 1, at.after(Duration::from_secs(second)))));
    }
    assert!(log.flush(PATIENCE));
    log.close(PATIENCE);
    let mut sink = world.sink_with(settings);
    while sink.tend().unwrap() == Tended::More {}
    // 40 days and the one that is not over.
    assert_eq!(world.raw_records(), 41 * 3);
    assert_eq!(world.total().calls, 60 * 3);
    let reports = Reports::open(world.file()).unwrap();
    let seconds = |from: i64| Query {
        window: Some(Window::Second),
        from: Some(Time::from_seconds(from * DAY)),
        ..Query::default()
    };
    assert_eq!(reports.report(&seconds(20_000 - 40)).unwrap().rows.len(), 41 * 3);
    let gone = reports.report(&seconds(20_000 - 41)).unwrap_err();
    assert!(matches!(gone, ReportError::NotKept { level: "second", .. }), "{gone}");
    let days = Query {
        window: Some(Window::Day),
        ..Query::default()
    };
    assert_eq!(reports.report(&days).unwrap().rows.len(), 60);
}

#[test]
fn combinations_that_are_too_many_are_not_told_apart_and_still_counted() {
    let world = World::new();
    let mut settings = Retention::default();
    settings.series_max = 3;
    let log = UsageLog::open(world.spill(), world.sink_with(settings)).unwrap();
    for number in 0..10 {
        let mut record = record("acme", 200, 1, Time::now());
        record.dimensions.route = format!("/{number}").into();
        log.record(record);
    }
    assert!(log.flush(PATIENCE));
    log.close(PATIENCE);
    let routes = world.report(&Query {
        group_by: vec!["route".parse().unwrap()],
        ..Query::default()
    });
    let said: Vec<_> = routes
        .iter()
        .map(|row| (row.group[0].clone(), row.amounts.calls))
        .collect();
    let expected = [("(other)", 7), ("/0", 1), ("/1", 1), ("/2", 1)];
    assert_eq!(said, expected.map(|(route, calls)| (route.to_owned(), calls)));
}
