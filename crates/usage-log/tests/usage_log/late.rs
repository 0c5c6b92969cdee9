//! Records that come after their hour was closed.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use nexus_usage_log::{Amounts, Clock, Column, Query, Reports, Retention, Time, UsageLog, Window};

use crate::harness::{World, event, record};

const HOUR: i64 = 3_600;
static NOW: AtomicI64 = AtomicI64::new(1_000_000 * HOUR / 2);

fn clock() -> Time {
    Time::from_seconds(NOW.load(Ordering::SeqCst))
}

#[tokio::test]
async fn what_comes_after_an_hour_was_closed_is_counted_and_is_an_adjustment() {
    let world = World::new();
    let mut settings = Retention::default();
    settings.clock = Clock::new(clock);
    settings.closes_after = Duration::from_secs(600);
    let log = UsageLog::open(world.spill(), world.sink_with(settings)).unwrap();
    let hour = clock();
    let at = |minutes: i64| Time::from_seconds(hour.seconds() + minutes * 60);
    let query = Query {
        window: Some(Window::Hour),
        group_by: vec![Column::Key],
        ..Query::default()
    };

    NOW.fetch_add(HOUR + 599, Ordering::SeqCst);
    let in_time = vec![
        event("1", record("acme", 200, 100, at(10))),
        event("2", record("globex", 200, 10, at(20))),
    ];
    log.store(in_time).await.unwrap();
    let invoice = world.report(&query);
    let reports = Reports::open(world.file()).unwrap();
    let adjustments = || reports.adjustments(at(0), at(600), 100).unwrap();
    assert_eq!(adjustments(), []);

    NOW.fetch_add(1, Ordering::SeqCst);
    let late = vec![
        event("3", record("acme", 200, 7, at(30))),
        event("4", record("acme", 200, 8, at(31))),
    ];
    log.store(late.clone()).await.unwrap();
    // A repeat adjusts nothing.
    log.store(late).await.unwrap();
    let [adjustment] = &adjustments()[..] else {
        panic!("{:?}", adjustments())
    };
    assert_eq!(
        (adjustment.made_at, adjustment.hour, adjustment.records),
        (clock(), hour, 2)
    );
    assert_eq!(
        (&*adjustment.key, &*adjustment.service, adjustment.status),
        ("acme", "tiles", 200)
    );

    // The invoice and what was adjusted since are what the report says.
    let mut sum = invoice[0].amounts;
    sum += adjustment.amounts;
    let after = world.report(&query);
    assert_eq!((after[0].amounts, after[1].amounts), (sum, invoice[1].amounts));
    assert_eq!(adjustment.amounts.bytes_out, 15);
    assert_eq!(Amounts::default().calls + adjustment.amounts.calls, 2);
}
