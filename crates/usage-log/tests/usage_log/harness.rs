//! A log in a directory of its own.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use nexus_usage_log::{
    Amounts, Counts, Dimensions, Entry, Event, EventOutcome, ForeignId, Labels, Outcome, Query, Record, ReportRow,
    Reports, Retention, Settings, Sink, SinkError, SqliteSink, Time, Timing, UsageLog,
};
use tempfile::TempDir;

/// Long enough for any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A record of one call.
pub fn record(key: &str, status: u16, bytes_out: u64, ended_at: Time) -> Record {
    Record {
        ended_at,
        dimensions: Dimensions {
            key: key.into(),
            tenant: "".into(),
            service: "tiles".into(),
            route: "/tiles/{z}".into(),
            client: "".into(),
            method: "GET".into(),
            status,
            outcome: Outcome::Complete,
            source: "test".into(),
            labels: Labels::default(),
        },
        amounts: Amounts {
            calls: 1,
            bytes_in: 100,
            bytes_out,
            body_bytes_in: 10,
            body_bytes: bytes_out.saturating_sub(50),
            duration_ns: 1_000,
        },
    }
}

pub fn event(id: &str, record: Record) -> Event {
    Event {
        id: ForeignId {
            scope: "acme".into(),
            source: "nginx".into(),
            id: id.into(),
        },
        record,
        timing: Timing::Given,
    }
}

/// A directory with a log in it.
pub struct World {
    pub directory: TempDir,
}

impl World {
    pub fn new() -> Self {
        World {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("usage-log.db")
    }

    pub fn sink(&self) -> SqliteSink {
        self.sink_with(Retention::default())
    }

    pub fn sink_with(&self, settings: Retention) -> SqliteSink {
        SqliteSink::open(self.file(), settings).unwrap()
    }

    pub fn spill(&self) -> Settings {
        Settings::spill(self.directory.path().join("spool"))
    }

    pub fn open(&self) -> UsageLog {
        UsageLog::open(self.spill(), self.sink()).unwrap()
    }

    pub fn report(&self, query: &Query) -> Vec<ReportRow> {
        Reports::open(self.file()).unwrap().report(query).unwrap().rows
    }

    /// Everything that is counted.
    pub fn total(&self) -> Amounts {
        self.report(&Query::default())
            .first()
            .map(|row| row.amounts)
            .unwrap_or_default()
    }

    /// How many records the tables of the days have.
    pub fn raw_records(&self) -> u64 {
        let connection = rusqlite::Connection::open(self.file()).unwrap();
        let tables = "SELECT name FROM sqlite_schema WHERE name GLOB 'raw_*'";
        let mut statement = connection.prepare(tables).unwrap();
        let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let count = |name: String| {
            let count = format!("SELECT COUNT(*) FROM {name}");
            connection.query_row(&count, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        names.map(|name| count(name.unwrap())).sum::<i64>().try_into().unwrap()
    }
}

/// A sink that stores nothing, fails when told to, and remembers what it got.
#[derive(Clone, Default)]
pub struct Gate {
    pub is_shut: Arc<AtomicBool>,
    pub calls: Arc<AtomicU64>,
    pub taken: Arc<Mutex<Vec<Entry>>>,
}

impl Gate {
    pub fn shut() -> Self {
        let gate = Gate::default();
        gate.is_shut.store(true, Ordering::SeqCst);
        gate
    }

    pub fn open(&self) {
        self.is_shut.store(false, Ordering::SeqCst);
    }

    pub fn taken(&self) -> Vec<Entry> {
        self.taken.lock().unwrap().clone()
    }
}

impl Sink for Gate {
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is_shut.load(Ordering::SeqCst) {
            return Err(SinkError::message("the gate is shut"));
        }
        self.taken.lock().unwrap().extend_from_slice(batch);
        Ok(vec![EventOutcome::Stored; batch.len()])
    }
}

pub fn assert_conserved(counts: &Counts) {
    let Counts {
        received,
        stored,
        duplicate,
        dropped,
        pending,
        ..
    } = counts;
    assert_eq!(*received, stored + duplicate + dropped.total() + pending, "{counts:?}");
}

/// Looks again and again until it is so.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "still not: {what}");
        std::thread::yield_now();
    }
}
