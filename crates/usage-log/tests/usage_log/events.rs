//! Events that clients post: each counts once.

use std::time::Duration;

use nexus_usage_log::{EventOutcome, Retention, StoreError, Time, Timing, UsageLog};

use crate::harness::{Gate, PATIENCE, World, assert_conserved, event, record};

#[tokio::test]
async fn a_batch_that_is_posted_three_times_counts_once() {
    let world = World::new();
    let log = world.open();
    let batch: Vec<_> = (0..100)
        .map(|number| event(&number.to_string(), record("acme", 200, number, Time::now())))
        .collect();
    assert_eq!(log.store(batch.clone()).await.unwrap(), vec![EventOutcome::Stored; 100]);
    assert_eq!(
        log.store(batch.clone()).await.unwrap(),
        vec![EventOutcome::Duplicate; 100]
    );
    log.close(PATIENCE);
    let log = world.open();
    assert_eq!(log.store(batch).await.unwrap(), vec![EventOutcome::Duplicate; 100]);
    assert_eq!((log.counts().received, log.counts().duplicate), (100, 100));
    assert_eq!(world.total().calls, 100);
    assert_eq!(world.raw_records(), 100);
    assert_conserved(&log.counts());
}

#[tokio::test]
async fn what_becomes_of_each_event_is_said_in_order() {
    let world = World::new();
    let log = world.open();
    let now = Time::now();
    let day = Duration::from_secs(86_400);
    let first = event("a", record("acme", 200, 1, now));
    let other_bytes = event("a", record("acme", 200, 2, now));
    let other_time = event("a", record("acme", 200, 1, now.before(day)));
    let future = event("b", record("acme", 200, 1, now.after(Duration::from_secs(400))));
    let soon = event("c", record("acme", 200, 1, now.after(Duration::from_secs(200))));
    let ancient = event("d", record("acme", 200, 1, now.before(36 * day)));
    let old = event("e", record("acme", 200, 1, now.before(34 * day)));
    let batch = vec![
        first.clone(),
        first,
        other_bytes,
        other_time,
        future.clone(),
        soon,
        ancient,
        old,
    ];
    let expected = [
        EventOutcome::Stored,
        EventOutcome::Duplicate,
        EventOutcome::Conflict,
        EventOutcome::Conflict,
        EventOutcome::Quarantined,
        EventOutcome::Stored,
        EventOutcome::TooOld,
        EventOutcome::Stored,
    ];
    assert_eq!(log.store(batch).await.unwrap(), expected);
    assert_eq!(log.store(vec![future]).await.unwrap(), [EventOutcome::Duplicate]);
    let counts = log.counts();
    assert_eq!((counts.stored, counts.quarantined), (4, 1));
    assert_eq!((counts.dropped.conflict, counts.dropped.too_old), (2, 1));
    assert_conserved(&counts);
    // The quarantined one is not counted, and the first content stays.
    assert_eq!((world.total().calls, world.total().bytes_out), (3, 3));
}

#[tokio::test]
async fn the_same_id_from_elsewhere_is_another_event() {
    let world = World::new();
    let log = world.open();
    let first = event("a", record("acme", 200, 1, Time::now()));
    let mut other_scope = first.clone();
    other_scope.id.scope = "globex".into();
    let mut other_source = first.clone();
    other_source.id.source = "gateway".into();
    let batch = vec![first, other_scope, other_source];
    assert_eq!(log.store(batch).await.unwrap(), [EventOutcome::Stored; 3]);
}

#[tokio::test]
async fn an_event_without_a_time_may_come_again_at_another() {
    static DAYS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(20_000);
    fn clock() -> Time {
        Time::from_seconds(DAYS.load(std::sync::atomic::Ordering::SeqCst) * 86_400)
    }
    let world = World::new();
    let mut settings = Retention::default();
    settings.clock = nexus_usage_log::Clock::new(clock);
    let log = UsageLog::open(world.spill(), world.sink_with(settings)).unwrap();
    let arrived = || nexus_usage_log::Event {
        timing: Timing::Arrival,
        ..event("a", record("acme", 200, 1, clock()))
    };
    assert_eq!(log.store(vec![arrived()]).await.unwrap(), [EventOutcome::Stored]);
    for _ in 0..40 {
        DAYS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(log.store(vec![arrived()]).await.unwrap(), [EventOutcome::Duplicate]);
        assert!(
            log.store(vec![event(&clock().to_string(), record("acme", 200, 1, clock()))])
                .await
                .is_ok()
        );
    }
    assert_eq!(world.total().calls, 41);
}

#[tokio::test]
async fn a_sink_that_is_gone_is_said_and_the_events_may_come_again() {
    let gate = Gate::shut();
    let mut settings = nexus_usage_log::Settings::default();
    settings.retry_min = Duration::from_millis(1);
    let log = UsageLog::open(settings, gate.clone()).unwrap();
    let batch = vec![event("a", record("acme", 200, 1, Time::now()))];
    let refused = log.store(batch.clone()).await;
    assert_eq!(refused, Err(StoreError::Unavailable("the gate is shut".into())));
    assert_conserved(&log.counts());
    gate.open();
    while log.store(batch.clone()).await.is_err() {}
    assert_eq!(log.counts().stored, 1);
    log.close(PATIENCE);
    assert_eq!(log.store(batch).await, Err(StoreError::Closed));
    assert_conserved(&log.counts());
}

#[tokio::test]
async fn an_event_that_is_too_large_is_named_and_nothing_is_stored() {
    let gate = Gate::default();
    let log = UsageLog::open(nexus_usage_log::Settings::default(), gate.clone()).unwrap();
    let small = event("a", record("acme", 200, 1, Time::now()));
    let large = event(&"b".repeat(20_000), record("acme", 200, 1, Time::now()));
    assert_eq!(log.store(vec![small, large]).await, Err(StoreError::TooLarge(1)));
    assert_eq!((gate.taken().len(), log.counts().received), (0, 0));
}

#[tokio::test]
async fn posts_that_are_one_too_many_are_told_to_try_again() {
    let gate = Gate::shut();
    let mut settings = nexus_usage_log::Settings::default();
    settings.posted_events_max = 0;
    let log = UsageLog::open(settings, gate.clone()).unwrap();
    let posts = (0..20).map(|number| {
        let log = log.clone();
        tokio::spawn(async move {
            log.store(vec![event(&number.to_string(), record("acme", 200, 1, Time::now()))])
                .await
        })
    });
    for post in posts.collect::<Vec<_>>() {
        let refused = post.await.unwrap();
        assert!(
            matches!(refused, Err(StoreError::Busy(_) | StoreError::Unavailable(_))),
            "{refused:?}"
        );
        assert_conserved(&log.counts());
    }
    assert_eq!(log.counts().pending, 0);
}
