//! A sink that is gone for an hour and then is there again, while records go on coming.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nexus_usage_log::{
    Counts, Entry, EventOutcome, Gap, Query, Reports, Retention, Settings, Sink, SinkError, SqliteSink, Tended, Time,
    UsageLog,
};

use crate::traffic::Texts;

/// What comes in a second.
const LIVE: usize = 10_000;
/// By how much faster the outage goes by than in life. The queue is not to be the measure: what it takes in is what a disk
/// must take, but for a disk that others keep busy for a moment it has to be longer.
const COMPRESSION: usize = 25;
const QUEUE_RECORDS_MAX: usize = 1 << 18;
const MIB: u64 = 1 << 20;

/// A real sink behind a switch.
struct Switched {
    sink: SqliteSink,
    switch: Arc<Switch>,
}

#[derive(Default)]
struct Switch {
    is_gone: AtomicBool,
    /// When it was asked first after it had come back.
    asked_at: Mutex<Option<Instant>>,
}

impl Switch {
    fn pass(&self) -> Result<(), SinkError> {
        if self.is_gone.load(Ordering::SeqCst) {
            return Err(SinkError::message("gone"));
        }
        self.asked_at.lock().unwrap().get_or_insert_with(Instant::now);
        Ok(())
    }
}

impl Sink for Switched {
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
        self.switch.pass()?;
        self.sink.store(batch)
    }

    fn note_gap(&mut self, gap: Gap) -> Result<(), SinkError> {
        self.switch.pass()?;
        self.sink.note_gap(gap)
    }

    fn tend(&mut self) -> Result<Tended, SinkError> {
        if self.switch.is_gone.load(Ordering::SeqCst) {
            return Ok(Tended::Done);
        }
        self.sink.tend()
    }
}

/// What was given to the log.
#[derive(Default)]
struct Given {
    records: usize,
    bytes_out: u64,
}

impl Given {
    fn record(&mut self, log: &UsageLog, texts: &Texts, ended_at: Time) {
        let record = texts.record(self.records, ended_at);
        self.records += 1;
        self.bytes_out += record.amounts.bytes_out;
        log.record(record);
    }
}

pub fn run(records: usize) {
    let directory = tempfile::tempdir().unwrap();
    let (spool, file) = (directory.path().join("spool"), directory.path().join("usage-log.db"));
    let switch = Arc::new(Switch::default());
    switch.is_gone.store(true, Ordering::SeqCst);
    let sink = Switched {
        sink: SqliteSink::open(&file, Retention::default()).unwrap(),
        switch: switch.clone(),
    };
    let mut settings = Settings::spill(&spool);
    settings.queue_records_max = QUEUE_RECORDS_MAX;
    println!("memory before: {}", memory());
    println!(
        "memory that the settings allow: queue {} MiB, batches {} MiB; SQLite's pages 64 MiB",
        settings.queue_bytes_max as u64 / MIB,
        settings.batch_bytes_max as u64 / MIB
    );
    let log = UsageLog::open(settings, sink).unwrap();
    let mut given = Given::default();
    gone(&log, &mut given, records, &spool);
    let back_at = Instant::now();
    switch.is_gone.store(false, Ordering::SeqCst);
    catch_up(&log, &mut given, &switch, back_at);
    assert!(log.flush(Duration::from_secs(600)), "{:?}", log.counts());
    let counts = log.close(Duration::from_secs(60));
    println!("memory after all: {}", memory());
    compare(&given, &counts, &file);
}

/// The outage: what comes in each hundredth of a second of it, one after the other.
fn gone(log: &UsageLog, given: &mut Given, records: usize, spool: &Path) {
    let texts = Texts::new();
    let began = Time::now().before(Duration::from_secs((records / LIVE) as u64));
    let started = Instant::now();
    let tick = Duration::from_millis(10);
    let mut due = started;
    while given.records < records {
        let each = (LIVE * COMPRESSION / 100).min(records - given.records);
        for _ in 0..each {
            let ended_at = began.after(Duration::from_micros(given.records as u64 * 1_000_000 / LIVE as u64));
            given.record(log, &texts, ended_at);
        }
        assert_conserved(&log.counts());
        // Whoever was held up does not make up for it: that would be another rate.
        due = (due + tick).max(Instant::now());
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    println!(
        "sink gone for {records} records ({} s at {LIVE} a second) in {:?}: {} lost, {} MiB on disk, {}",
        records / LIVE,
        started.elapsed(),
        log.counts().dropped.total(),
        bytes_in(spool) / MIB,
        memory()
    );
}

/// Live traffic goes on in real time until no more than a second of it waits.
fn catch_up(log: &UsageLog, given: &mut Given, switch: &Switch, back_at: Instant) {
    let texts = Texts::new();
    let tick = Duration::from_millis(10);
    let stored_before = log.counts().stored;
    let (mut due, mut said_at) = (Instant::now(), Instant::now());
    while log.counts().pending > LIVE as u64 * 2 || switch.asked_at.lock().unwrap().is_none() {
        for _ in 0..LIVE / 100 {
            given.record(log, &texts, Time::now());
        }
        let counts = log.counts();
        assert_conserved(&counts);
        if said_at.elapsed() >= Duration::from_secs(30) {
            said_at = Instant::now();
            println!(
                "  {:?} later: {} stored, {} wait",
                back_at.elapsed(),
                counts.stored,
                counts.pending
            );
        }
        due += tick;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let asked_at = switch.asked_at.lock().unwrap().expect("the sink was asked");
    let stored = log.counts().stored - stored_before;
    let rate = stored as f64 / asked_at.elapsed().as_secs_f64();
    println!(
        "caught up beside live traffic of {LIVE}/s: {stored} records in {:?}, {rate:.0} records/s, {:.1} times the live rate; \
         it was asked again {:?} after it was back",
        asked_at.elapsed(),
        rate / LIVE as f64,
        asked_at.duration_since(back_at)
    );
}

/// What is stored is what was given, each record once.
fn compare(given: &Given, counts: &Counts, file: &Path) {
    let records = given.records as u64;
    assert_eq!((counts.received, counts.stored), (records, records), "{counts:?}");
    let report = Reports::open(file).unwrap().report(&Query::default()).unwrap();
    let sums = report.rows[0].amounts;
    assert_eq!((sums.calls, sums.bytes_out), (records, given.bytes_out));
    let connection = rusqlite::Connection::open(file).unwrap();
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE name GLOB 'raw_*'")
        .unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let (mut rows, mut bytes, mut numbers, mut last) = (0, 0, 0_u64, 0);
    for table in tables.map(Result::unwrap) {
        let sql = format!("SELECT COUNT(*), SUM(bytes_out), SUM(sequence), MAX(sequence) FROM {table}");
        let row = connection.query_row(&sql, [], |row| {
            let number = |index| row.get::<_, i64>(index).map(|number| number as u64);
            Ok([number(0)?, number(1)?, number(2)?, number(3)?])
        });
        let [table_rows, table_bytes, table_numbers, table_last] = row.unwrap();
        rows += table_rows;
        bytes += table_bytes;
        numbers += table_numbers;
        last = last.max(table_last);
    }
    // As many rows as the largest number, whose sum is that of 1 to it.
    assert_eq!((rows, bytes, last), (records, given.bytes_out, records));
    assert_eq!(numbers, records * (records + 1) / 2);
    println!(
        "stored: {rows} rows and sums of {} calls, {} bytes: what was recorded; {} lost; the file has {} MiB",
        sums.calls,
        sums.bytes_out,
        counts.dropped.total(),
        std::fs::metadata(file).unwrap().len() / MIB
    );
}

fn assert_conserved(counts: &Counts) {
    let settled = counts.stored + counts.duplicate + counts.dropped.total() + counts.pending;
    assert_eq!(counts.received, settled, "{counts:?}");
    assert_eq!(counts.dropped.total(), 0, "{counts:?}");
}

fn bytes_in(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// What the process has in memory, and had at most.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words.collect::<Vec<_>>().join(", ")
}
