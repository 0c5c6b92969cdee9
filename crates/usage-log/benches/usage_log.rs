//! Prints what a record costs and how fast records are stored and reported. `cargo bench -p nexus-usage-log`, or with how
//! many rows to have stored before the rate is taken: `cargo bench -p nexus-usage-log -- 10000000`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a program that prints figures"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nexus_usage_log::{
    Amounts, Column, Dimensions, Entry, Gap, Id, Labels, Outcome, Query, Record, Reports, Settings, Sink, SinkError,
    SqliteSettings, SqliteSink, Stored, Time, Timing, UsageLog, Window,
};

const DAY: u64 = 86_400;
const KEYS: usize = 500;
const ROUTES: usize = 4;

/// Takes everything and keeps nothing: what is measured is the way to it.
struct Nowhere;

impl Sink for Nowhere {
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<Stored>, SinkError> {
        Ok(vec![Stored::Stored; batch.len()])
    }

    fn note_gap(&mut self, _: Gap) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Texts as a service has them at hand.
struct Texts {
    keys: Vec<Arc<str>>,
    routes: Vec<Arc<str>>,
    service: Arc<str>,
    method: Arc<str>,
    source: Arc<str>,
    empty: Arc<str>,
}

impl Texts {
    fn new() -> Self {
        Texts {
            keys: (0..KEYS).map(|n| format!("customer-{n:04}").into()).collect(),
            routes: (0..ROUTES).map(|n| format!("/v1/resource-{n}/{{id}}").into()).collect(),
            service: "tiles".into(),
            method: "GET".into(),
            source: "bench".into(),
            empty: "".into(),
        }
    }

    fn record(&self, number: usize, ended_at: Time) -> Record {
        // Spread without a pattern that a table would like.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        Record {
            ended_at,
            dimensions: Dimensions {
                key: self.keys[mixed % KEYS].clone(),
                tenant: self.empty.clone(),
                service: self.service.clone(),
                route: self.routes[(mixed >> 12) % ROUTES].clone(),
                client: self.empty.clone(),
                method: self.method.clone(),
                status: if mixed.is_multiple_of(17) { 404 } else { 200 },
                outcome: Outcome::Complete,
                source: self.source.clone(),
                labels: Labels::default(),
            },
            amounts: Amounts {
                calls: 1,
                bytes_in: 200,
                bytes_out: (mixed % 100_000) as u64,
                body_bytes_in: 50,
                body_bytes: (mixed % 100_000) as u64,
                duration_ns: 1_000_000,
            },
        }
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

fn hot_path(threads: usize, name: &str, settings: Settings) {
    const EACH: usize = 400_000;
    const ROUNDS: usize = 5;
    let log = UsageLog::open(settings, Nowhere).unwrap();
    let texts = Texts::new();
    let (mut spent, mut cpu) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        cpu += thread::scope(|scope| {
            let run = || {
                let started = cpu_time();
                (0..EACH).for_each(|n| log.record(texts.record(n, Time::from_seconds(0))));
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
    let records = (threads * EACH * ROUNDS) as f64;
    let each = cpu.as_nanos() as f64 / records;
    println!(
        "making a record and record(), {name}, {threads} thread(s): {each:.0} ns of processor time each, \
         {:.2} M/s per core; {:.2} M/s by the clock, {} dropped",
        1e3 / each,
        records / spent.as_secs_f64() / 1e6,
        log.counts().dropped.total()
    );
    log.close(Duration::from_secs(60));
}

/// A sink that is gone while `records` come and then is there again: what an hour at 10 000 a second is, as fast as it goes.
fn outage(records: usize) {
    struct Gate(Arc<AtomicBool>);
    impl Sink for Gate {
        fn store(&mut self, batch: &[Entry]) -> Result<Vec<Stored>, SinkError> {
            if self.0.load(Ordering::SeqCst) {
                return Err(SinkError::message("gone"));
            }
            Ok(vec![Stored::Stored; batch.len()])
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let is_gone = Arc::new(AtomicBool::new(true));
    let mut settings = Settings::spill(directory.path());
    // Some 50 MB: at this pace, and beside whatever else runs, a busy disk is not to be what is measured.
    settings.queue_records_max = 1 << 18;
    let log = UsageLog::open(settings, Gate(is_gone.clone())).unwrap();
    let texts = Texts::new();
    let started = Instant::now();
    for number in 0..records {
        log.record(texts.record(number, Time::from_nanos(number as i64 * 100_000)));
        // As fast as the disk takes them: the clock is compressed, the queue is not to be the measure.
        if number % 10_000 == 9_999 {
            thread::sleep(Duration::from_millis(12));
        }
    }
    let took = started.elapsed();
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = memory
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap_or_default()
        .to_owned();
    let spooled: u64 = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    is_gone.store(false, Ordering::SeqCst);
    let started = Instant::now();
    assert!(log.flush(Duration::from_secs(600)));
    let caught_up = started.elapsed();
    let counts = log.close(Duration::from_secs(60));
    println!(
        "sink gone for {records} records ({:.0} s at 10 000 a second) in {took:?}: {} lost, {} MB on disk, {memory}; \
         read back at {:.0} records/s",
        records as f64 / 1e4,
        counts.dropped.total(),
        spooled >> 20,
        records as f64 / caught_up.as_secs_f64()
    );
    assert_eq!(counts.stored + counts.dropped.total(), records as u64);
}

/// Rows into SQLite by batches of 20 000, over thirty days.
fn sqlite(rows: usize) {
    const BATCH: usize = 20_000;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("usage-log.db");
    let mut sink = SqliteSink::open(&path, SqliteSettings::default()).unwrap();
    let texts = Texts::new();
    let begin = Time::now().before(Duration::from_secs(30 * DAY));
    let step = Duration::from_nanos(30 * DAY * 1_000_000_000 / rows as u64);
    let mut spent = Vec::new();
    for first in (0..rows).step_by(BATCH) {
        let batch: Vec<Entry> = (first..(first + BATCH).min(rows))
            .map(|number| Entry {
                id: Id::Own {
                    writer: writer_id(),
                    sequence: number as u64 + 1,
                },
                record: texts.record(number, begin.after(step * u32::try_from(number).unwrap())),
                timing: Timing::Given,
            })
            .collect();
        let started = Instant::now();
        sink.store(&batch).unwrap();
        spent.push(started.elapsed());
    }
    let all: Duration = spent.iter().sum();
    let last = &spent[spent.len() - spent.len() / 10 - 1..];
    let last_rate = (last.len() * BATCH) as f64 / last.iter().sum::<Duration>().as_secs_f64();
    println!(
        "SQLite, {rows} rows over 30 days: {:.0} rows/s in all, {last_rate:.0} rows/s in the last tenth, slowest batch {:?}, {} MB",
        rows as f64 / all.as_secs_f64(),
        spent.iter().max().unwrap(),
        std::fs::metadata(&path).unwrap().len() >> 20
    );
    reports(&path, rows);
    live(&mut sink, &texts, rows);
}

/// Batches as a running service makes them: 100 000 a second.
fn live(sink: &mut SqliteSink, texts: &Texts, stored: usize) {
    const BATCH: usize = 20_000;
    const BATCHES: usize = 25;
    let mut spent = Duration::ZERO;
    for number in 0..BATCHES {
        let begin = Time::now();
        let batch: Vec<Entry> = (0..BATCH)
            .map(|n| Entry {
                id: Id::Own {
                    writer: writer_id(),
                    sequence: (stored + number * BATCH + n) as u64 + 1,
                },
                record: texts.record(number * BATCH + n, begin.after(Duration::from_micros(10 * n as u64))),
                timing: Timing::Given,
            })
            .collect();
        let started = Instant::now();
        sink.store(&batch).unwrap();
        spent += started.elapsed();
    }
    println!(
        "SQLite, live traffic at {stored} rows stored: {:.0} rows/s",
        (BATCH * BATCHES) as f64 / spent.as_secs_f64()
    );
}

/// A log's own id is its own; the bench takes that of a log that stores one record.
fn writer_id() -> nexus_usage_log::WriterId {
    use std::sync::{Mutex, OnceLock};
    static ID: OnceLock<nexus_usage_log::WriterId> = OnceLock::new();
    struct Tell(Arc<Mutex<Option<Id>>>);
    impl Sink for Tell {
        fn store(&mut self, batch: &[Entry]) -> Result<Vec<Stored>, SinkError> {
            *self.0.lock().unwrap() = batch.first().map(|entry| entry.id.clone());
            Ok(vec![Stored::Stored; batch.len()])
        }
    }
    *ID.get_or_init(|| {
        let told = Arc::new(Mutex::new(None));
        let log = UsageLog::open(Settings::default(), Tell(told.clone())).unwrap();
        log.record(Texts::new().record(0, Time::from_seconds(0)));
        log.close(Duration::from_secs(60));
        let told = told.lock().unwrap().clone();
        match told {
            Some(Id::Own { writer, .. }) => writer,
            other => panic!("{other:?}"),
        }
    })
}

fn reports(path: &std::path::Path, rows: usize) {
    let reports = Reports::open(path).unwrap();
    let time = |name: &str, query: &Query| {
        let started = Instant::now();
        let report = reports.report(query).unwrap();
        println!(
            "report over {rows} rows, {name}: {} rows in {:?}",
            report.rows.len(),
            started.elapsed()
        );
    };
    let month_by_key = Query {
        window: Some(Window::Month),
        group_by: vec![Column::Key],
        ..Query::default()
    };
    time("month by key, first time", &month_by_key);
    time("month by key", &month_by_key);
    time(
        "month by key, status=200",
        &Query {
            filters: vec!["status=200".parse().unwrap()],
            ..month_by_key.clone()
        },
    );
    time(
        "month by key in Europe/Berlin",
        &Query {
            zone: "Europe/Berlin".parse().unwrap(),
            ..month_by_key.clone()
        },
    );
    time(
        "day by key",
        &Query {
            window: Some(Window::Day),
            ..month_by_key.clone()
        },
    );
    time(
        "month by key and route",
        &Query {
            group_by: vec![Column::Key, Column::Route],
            ..month_by_key
        },
    );
    let seconds = Query {
        window: Some(Window::Second),
        filters: vec!["status=200".parse().unwrap()],
        from: Some(Time::now().before(Duration::from_secs(3_600))),
        order: vec!["-window".parse().unwrap()],
        limit: Some(100),
        ..Query::default()
    };
    time("the last hour by second, 100 latest", &seconds);
}

fn main() {
    let rows = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(1_000_000);
    let roomy = || {
        let mut settings = Settings::default();
        settings.queue_records_max = 1 << 20;
        settings.queue_bytes_max = 1 << 30;
        settings
    };
    let directory = tempfile::tempdir().unwrap();
    let mut spill = Settings::spill(directory.path());
    spill.queue_records_max = roomy().queue_records_max;
    spill.queue_bytes_max = roomy().queue_bytes_max;
    making();
    hot_path(1, "memory", roomy());
    hot_path(2, "memory", roomy());
    hot_path(1, "spill", spill.clone());
    hot_path(2, "spill", spill);
    outage(rows);
    sqlite(rows);
}
