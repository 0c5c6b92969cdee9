//! What a record costs whoever records it.

use std::{
    thread,
    time::{Duration, Instant},
};

use nexus_usage_log::{Entry, EventOutcome, Gap, Settings, Sink, SinkError, Time, UsageLog};

use crate::traffic::Texts;

/// So many records by each thread, five times, into a queue that has room for them.
pub fn run(records: usize) {
    let roomy = |mut settings: Settings| {
        settings.queue_records_max = (records * 3).max(1 << 20);
        settings.queue_bytes_max = 1 << 30;
        settings
    };
    let directory = tempfile::tempdir().unwrap();
    let memory = || roomy(Settings::default());
    let spill = || roomy(Settings::spill(directory.path()));
    making();
    hot_path(records, 1, "memory", memory());
    hot_path(records, 2, "memory", memory());
    hot_path(records, 1, "spill", spill());
    hot_path(records, 2, "spill", spill());
}

/// Takes everything and keeps nothing: what is measured is the way to it.
struct Nowhere;

impl Sink for Nowhere {
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
        Ok(vec![EventOutcome::Stored; batch.len()])
    }

    fn note_gap(&mut self, _: Gap) -> Result<(), SinkError> {
        Ok(())
    }
}

/// How long the current thread has run on a processor: on a machine that does other things too, this is what work costs.
/// Linux keeps it to some milliseconds, so what is measured must last longer.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// What making a record costs, which is no part of the log.
fn making() {
    const COUNT: usize = 1_000_000;
    let texts = Texts::new();
    let started = cpu_time();
    (0..COUNT).for_each(|n| drop(std::hint::black_box(texts.record(n, Time::from_seconds(0)))));
    let each = (cpu_time() - started).as_nanos() / COUNT as u128;
    println!("making and dropping a record: {each} ns of processor time");
}

fn hot_path(each: usize, threads: usize, name: &str, settings: Settings) {
    const ROUNDS: usize = 5;
    let log = UsageLog::open(settings, Nowhere).unwrap();
    let texts = Texts::new();
    let (mut spent, mut cpu) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        cpu += thread::scope(|scope| {
            let run = || {
                let started = cpu_time();
                (0..each).for_each(|n| log.record(texts.record(n, Time::from_seconds(0))));
                cpu_time() - started
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum::<Duration>()
        });
        spent += started.elapsed();
        log.flush(Duration::from_secs(60));
    }
    let records = (threads * each * ROUNDS) as f64;
    let nanos = cpu.as_nanos() as f64 / records;
    println!(
        "making a record and record(), {name}, {threads} thread(s): {nanos:.0} ns of processor time each, \
         {:.2} M/s per core; {:.2} M/s by the clock, {} dropped",
        1e3 / nanos,
        records / spent.as_secs_f64() / 1e6,
        log.counts().dropped.total()
    );
    log.close(Duration::from_secs(60));
}
