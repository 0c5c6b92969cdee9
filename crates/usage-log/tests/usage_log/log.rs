//! From a record to the report, through the spool.

use std::{sync::atomic::Ordering, time::Duration};

use nexus_usage_log::{Settings, Time, UsageLog};

use crate::harness::{Gate, PATIENCE, World, record};

fn left_in_spool(world: &World) -> Vec<std::ffi::OsString> {
    let left = std::fs::read_dir(world.directory.path().join("spool")).unwrap();
    left.map(|file| file.unwrap().file_name()).collect()
}

#[test]
fn what_is_recorded_is_reported() {
    let world = World::new();
    let log = world.open();
    for bytes in 1..=100 {
        log.record(record("acme", 200, bytes, Time::now()));
    }
    assert!(log.flush(PATIENCE));
    assert_eq!((world.total().calls, world.total().bytes_out), (100, 5_050));
    let counts = log.close(PATIENCE);
    assert_eq!((counts.received, counts.stored, counts.pending), (100, 100, 0));
}

#[test]
fn closing_stores_what_waits_and_leaves_nothing_on_disk() {
    let world = World::new();
    let log = world.open();
    log.record(record("acme", 200, 10, Time::now()));
    assert_eq!(log.close(PATIENCE).stored, 1);
    log.record(record("acme", 200, 10, Time::now()));
    assert_eq!(log.counts().dropped.closed, 1);
    assert_eq!(world.total().calls, 1);
    assert_eq!(left_in_spool(&world), ["lock"]);
}

/// The last frame of a segment, which says that nothing more comes, comes alone if all records are stored before it.
#[test]
fn closing_leaves_nothing_on_disk_when_all_was_stored_before() {
    let world = World::new();
    let log = world.open();
    log.record(record("acme", 200, 10, Time::now()));
    assert!(log.flush(PATIENCE));
    assert_eq!(log.close(PATIENCE).stored, 1);
    assert_eq!(left_in_spool(&world), ["lock"]);
}

#[test]
fn a_sink_that_is_gone_loses_nothing_with_a_spool() {
    let world = World::new();
    let gate = Gate::shut();
    let mut settings = world.spill();
    settings.retry_min = Duration::from_millis(1);
    settings.retry_max = Duration::from_millis(10);
    let log = UsageLog::open(settings, gate.clone()).unwrap();
    for number in 0..50_000 {
        log.record(record("acme", 200, number, Time::from_seconds(1_000)));
    }
    assert!(!log.flush(Duration::from_millis(20)));
    assert_eq!((log.counts().pending, log.counts().dropped.total()), (50_000, 0));
    gate.open();
    assert!(log.flush(PATIENCE));
    assert_eq!(log.close(PATIENCE).stored, 50_000);
    let mut numbers: Vec<u64> = gate
        .taken()
        .iter()
        .map(|entry| entry.record.amounts.bytes_out)
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50_000).collect::<Vec<_>>());
}

#[test]
fn what_one_log_leaves_on_disk_the_next_one_stores() {
    let world = World::new();
    let log = UsageLog::open(world.spill(), Gate::shut()).unwrap();
    for bytes in 0..1_000 {
        log.record(record("acme", 200, bytes, Time::now()));
    }
    let left = log.close(Duration::ZERO);
    assert_eq!((left.pending, left.dropped.total()), (1_000, 0));
    let log = world.open();
    assert!(log.flush(PATIENCE));
    assert_eq!((log.counts().received, log.counts().stored), (1_000, 1_000));
    assert_eq!(log.crash_gaps(), []);
    assert_eq!(world.total().calls, 1_000);
}

#[test]
fn a_batch_goes_when_it_is_large_enough_or_old_enough() {
    let gate = Gate::default();
    let mut settings = Settings::default();
    settings.batch_records_max = 10;
    settings.batch_age_max = Duration::from_secs(3_600);
    let log = UsageLog::open(settings.clone(), gate.clone()).unwrap();
    (0..10).for_each(|_| log.record(record("acme", 200, 1, Time::now())));
    crate::harness::eventually("the batch is stored by its count", || gate.taken().len() == 10);

    settings.batch_age_max = Duration::from_millis(1);
    let log = UsageLog::open(settings, gate.clone()).unwrap();
    log.record(record("acme", 200, 1, Time::now()));
    crate::harness::eventually("the record is stored by its age", || gate.taken().len() == 11);
    drop(log);
}

#[test]
fn a_second_log_in_the_same_place_is_refused() {
    let world = World::new();
    let log = world.open();
    let other = nexus_usage_log::SqliteSink::open(world.file(), Default::default());
    assert!(other.unwrap_err().to_string().contains("one writer"));
    let other = UsageLog::open(world.spill(), Gate::default());
    assert!(other.unwrap_err().to_string().contains("spool"));
    log.close(PATIENCE);
}

#[test]
fn a_sink_that_panics_is_called_again() {
    struct Panics(Gate, u32);
    impl nexus_usage_log::Sink for Panics {
        fn store(
            &mut self,
            batch: &[nexus_usage_log::Entry],
        ) -> Result<Vec<nexus_usage_log::EventOutcome>, nexus_usage_log::SinkError> {
            self.1 += 1;
            assert!(self.1 > 2, "a bug in a sink");
            self.0.store(batch)
        }
    }
    let gate = Gate::default();
    let mut settings = Settings::default();
    settings.retry_min = Duration::from_millis(1);
    let log = UsageLog::open(settings, Panics(gate.clone(), 0)).unwrap();
    log.record(record("acme", 200, 1, Time::now()));
    assert!(log.flush(PATIENCE));
    assert_eq!((gate.taken().len(), gate.calls.load(Ordering::SeqCst)), (1, 1));
}
