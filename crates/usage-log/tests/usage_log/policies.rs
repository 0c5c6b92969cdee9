//! What becomes of records that find no room.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use nexus_usage_log::{Overflow, Settings, Time, UsageLog};

use crate::harness::{Gate, PATIENCE, World, assert_conserved, eventually, record};

fn small(overflow: Overflow) -> Settings {
    let mut settings = Settings::default();
    settings.overflow = overflow;
    settings.queue_records_max = 64;
    settings.batch_records_max = 16;
    settings.batch_age_max = Duration::from_millis(1);
    settings.retry_min = Duration::from_micros(100);
    settings.retry_max = Duration::from_millis(1);
    settings
}

/// Threads record while the sink opens and shuts and someone looks: at every look, and in the end, the counts agree.
fn conserves(settings: Settings) -> (nexus_usage_log::Counts, Gate) {
    const THREADS: u64 = 4;
    const EACH: u64 = 5_000;
    let gate = Gate::default();
    let log = UsageLog::open(settings, gate.clone()).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let look = scope.spawn(|| {
            let mut looks = 0_u64;
            while !is_over.load(Ordering::SeqCst) {
                assert_conserved(&log.counts());
                looks += 1;
                gate.is_shut.store(looks.is_multiple_of(3), Ordering::SeqCst);
                thread::yield_now();
            }
            gate.open();
        });
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let log = log.clone();
                scope.spawn(move || {
                    (0..EACH)
                        .for_each(|n| log.record(record(&format!("key-{thread}"), 200, n, Time::from_seconds(1_000))));
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        is_over.store(true, Ordering::SeqCst);
        look.join().unwrap();
    });
    assert!(log.flush(PATIENCE));
    let counts = log.close(PATIENCE);
    assert_conserved(&counts);
    assert_eq!((counts.received, counts.pending), (THREADS * EACH, 0));
    (counts, gate)
}

fn calls(gate: &Gate) -> u64 {
    gate.taken().iter().map(|entry| entry.record.amounts.calls).sum()
}

#[test]
fn counts_agree_under_drop_newest() {
    let (counts, gate) = conserves(small(Overflow::DropNewest));
    assert_eq!(counts.stored, calls(&gate));
}

#[test]
fn counts_agree_under_drop_oldest() {
    let (counts, gate) = conserves(small(Overflow::DropOldest));
    assert_eq!(counts.stored, calls(&gate));
}

#[test]
fn counts_agree_under_block_and_nothing_is_dropped() {
    let (counts, gate) = conserves(small(Overflow::Block));
    assert_eq!((counts.stored, counts.dropped.total()), (20_000, 0));
    assert_eq!(calls(&gate), 20_000);
}

#[test]
fn counts_agree_under_aggregate_and_sums_stay_exact() {
    let (counts, gate) = conserves(small(Overflow::Aggregate { sums_max: 100 }));
    assert_eq!((counts.stored, counts.dropped.total()), (20_000, 0));
    let taken = gate.taken();
    assert!(taken.len() < 20_000, "nothing was added up");
    assert_eq!(calls(&gate), 20_000);
    let bytes: u64 = taken.iter().map(|entry| entry.record.amounts.bytes_out).sum();
    assert_eq!(bytes, 4 * (0..5_000).sum::<u64>());
}

#[test]
fn counts_agree_under_spill() {
    let world = World::new();
    let mut settings = small(world.spill().overflow);
    settings.queue_records_max = 65_536;
    let (counts, gate) = conserves(settings);
    assert_eq!((counts.stored, counts.dropped.total()), (20_000, 0));
    assert_eq!(calls(&gate), 20_000);
}

fn shut(overflow: Overflow) -> (UsageLog, Gate) {
    let gate = Gate::shut();
    let mut settings = small(overflow);
    settings.queue_records_max = 4;
    settings.batch_records_max = 1;
    let log = UsageLog::open(settings, gate.clone()).unwrap();
    log.record(record("acme", 200, 0, Time::from_seconds(0)));
    eventually("the writer has the first record in hand", || {
        gate.calls.load(Ordering::SeqCst) > 0
    });
    (1..=10).for_each(|number| log.record(record("acme", 200, number, Time::from_seconds(number as i64))));
    (log, gate)
}

fn stored(log: &UsageLog, gate: &Gate) -> Vec<u64> {
    gate.open();
    assert!(log.flush(PATIENCE));
    let mut numbers: Vec<u64> = gate
        .taken()
        .iter()
        .map(|entry| entry.record.amounts.bytes_out)
        .collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn drop_newest_keeps_the_first() {
    let (log, gate) = shut(Overflow::DropNewest);
    let dropped = log.counts().dropped.queue_full;
    let kept = stored(&log, &gate);
    assert_eq!(kept, (0..11 - dropped).collect::<Vec<_>>());
    assert!(dropped >= 6);
}

#[test]
fn drop_oldest_keeps_the_last() {
    let (log, gate) = shut(Overflow::DropOldest);
    let kept = stored(&log, &gate);
    assert_eq!(kept.last(), Some(&10));
    assert_eq!(kept.len() as u64 + log.counts().dropped.queue_full, 11);
}

#[test]
fn aggregate_drops_what_is_one_sum_too_many() {
    let (log, gate) = shut(Overflow::Aggregate { sums_max: 2 });
    assert!(log.counts().dropped.queue_full > 0);
    stored(&log, &gate);
    assert_conserved(&log.counts());
}

#[test]
fn a_spool_that_is_full_drops_the_newest_and_says_why() {
    let world = World::new();
    let mut spill = nexus_usage_log::Spill::new(world.directory.path().join("spool"));
    spill.bytes_max = 4_096;
    spill.checkpoint_interval = Duration::from_micros(100);
    let (log, gate) = shut(Overflow::Spill(spill));
    eventually("the spool is full", || {
        log.record(record("acme", 200, 1, Time::now()));
        log.counts().dropped.spill_full > 0
    });
    assert_conserved(&log.counts());
    stored(&log, &gate);
    // There is room again.
    let before = log.counts().dropped.total();
    log.record(record("acme", 200, 1, Time::now()));
    assert!(log.flush(PATIENCE));
    assert_eq!(log.counts().dropped.total(), before);
    assert_conserved(&log.close(PATIENCE));
}

#[test]
fn a_record_that_is_too_large_is_dropped() {
    let gate = Gate::default();
    let log = UsageLog::open(Settings::default(), gate).unwrap();
    log.record(record(&"k".repeat(20_000), 200, 1, Time::now()));
    assert_eq!(log.counts().dropped.too_large, 1);
    assert_conserved(&log.counts());
}

#[test]
fn closing_drops_what_is_in_memory_only_and_counts_it() {
    let gate = Gate::shut();
    let log = UsageLog::open(Settings::default(), gate).unwrap();
    (0..100).for_each(|number| log.record(record("acme", 200, number, Time::now())));
    let counts = log.close(Duration::ZERO);
    assert_eq!((counts.dropped.closed, counts.pending), (100, 0));
}
