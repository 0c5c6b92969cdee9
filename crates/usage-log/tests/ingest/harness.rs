//! A log, and what comes to it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use nexus_usage_log::{
    Column, Filter, Query, Reports, Retention, Settings, SqliteSink, UsageLog, Window,
    ingest::{Limits, Origin, access_log},
};
use tempfile::TempDir;

/// Long enough for any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Calls and bytes of each second.
pub(crate) type Seconds = BTreeMap<i64, (u64, u64)>;

/// A directory with a usage log in it.
pub(crate) struct World {
    pub(crate) directory: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        World {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn open(&self) -> UsageLog {
        open_log(self.directory.path())
    }

    /// What the log has of a source.
    pub(crate) fn seconds(&self, source: &str) -> Seconds {
        let Ok(reports) = Reports::open(self.path("usage-log.db")) else {
            return Seconds::new();
        };
        let query = Query {
            window: Some(Window::Second),
            filters: vec![Filter {
                column: Column::Source,
                equal: true,
                value: source.to_owned(),
            }],
            ..Query::default()
        };
        let rows = reports.report(&query).unwrap().rows;
        let second =
            |row: nexus_usage_log::ReportRow| (row.window.seconds(), (row.amounts.calls, row.amounts.bytes_out));
        rows.into_iter().map(second).collect()
    }

    pub(crate) fn total(&self, source: &str) -> (u64, u64) {
        total(&self.seconds(source))
    }
}

pub(crate) fn open_log(directory: &std::path::Path) -> UsageLog {
    let sink = SqliteSink::open(directory.join("usage-log.db"), Retention::default()).unwrap();
    UsageLog::open(Settings::spill(directory.join("spool")), sink).unwrap()
}

pub(crate) fn origin(source: &str) -> Origin {
    Origin {
        scope: "edge".into(),
        source: source.into(),
        ..Origin::default()
    }
}

pub(crate) fn total(seconds: &Seconds) -> (u64, u64) {
    let add = |(calls, bytes), (more_calls, more_bytes): &(u64, u64)| (calls + more_calls, bytes + more_bytes);
    seconds.values().fold((0, 0), add)
}

/// Looks again and again until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A line of our format.
pub(crate) fn line(id: &str, bytes_out: u64) -> String {
    let line = format!(r#"{{"id":"{id}","time":"{}","bytes_out":"{bytes_out}"}}"#, now());
    access_log::parse(
        line.as_bytes(),
        &origin(""),
        &Limits::default(),
        nexus_usage_log::Time::now(),
    )
    .unwrap();
    line
}

fn now() -> String {
    nexus_usage_log::Time::now().to_string()
}
