//! A real PostgreSQL, and logs that store into it.

use std::{sync::OnceLock, time::Duration};

use nexus_usage_log::{
    Amounts, Dimensions, Entry, Event, ForeignId, Id, PostgresSettings, PostgresSink, Record, Settings, Time, Timing,
};

use nexus_test_servers::{PostgresServer, require};

/// Long enough for any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A server. None if its programs are not there.
pub fn server() -> Option<PostgresServer> {
    require(PostgresServer::PROGRAMS)
        .then(|| PostgresServer::start_with_settings(&["fsync=off", "shared_buffers=64MB"]))
}

/// A database of its own on a server that all tests share. None if there is no server to start.
pub fn database() -> Option<(&'static PostgresServer, String)> {
    static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
    let server = SERVER.get_or_init(server).as_ref()?;
    Some((server, server.database()))
}

pub fn sink(url: &str) -> PostgresSink {
    PostgresSink::open(PostgresSettings::new(url)).unwrap()
}

/// A record of one call.
pub fn record(key: &str, status: u16, bytes_out: u64, ended_at: Time) -> Record {
    Record {
        ended_at,
        dimensions: Dimensions {
            key: key.into(),
            service: "tiles".into(),
            status,
            ..Dimensions::default()
        },
        amounts: Amounts {
            calls: 1,
            bytes_out,
            ..Amounts::default()
        },
    }
}

pub fn event(id: &str, record: Record) -> Event {
    let id = ForeignId {
        scope: "acme".into(),
        source: "nginx".into(),
        id: id.into(),
    };
    Event {
        id,
        record,
        timing: Timing::Given,
    }
}

pub fn entry(event: Event) -> Entry {
    Entry {
        id: Id::Foreign(event.id),
        record: event.record,
        timing: event.timing,
    }
}

/// A spill in a directory, that tries again soon.
pub fn settings(directory: &tempfile::TempDir) -> Settings {
    let mut settings = Settings::spill(directory.path().join("spool"));
    settings.retry_min = Duration::from_millis(5);
    settings.retry_max = Duration::from_millis(50);
    settings.batch_records_max = 500;
    settings
}

/// Calls and bytes: in the records, and in the sums of every level, which must agree.
pub fn total(server: &PostgresServer, database: &str) -> (u64, u64) {
    let sum = |table: &str| {
        let sum = format!("SELECT COALESCE(sum(calls), 0), COALESCE(sum(bytes_out), 0) FROM nexus_usage_log_{table}");
        server.sql(database, &sum)
    };
    let raw = sum("raw");
    for level in ["second", "minute", "hour", "day"] {
        assert_eq!(sum(&format!("by_{level}")), raw, "{level}");
    }
    assert_eq!(sum("records"), raw);
    let (calls, bytes) = raw.split_once('|').unwrap();
    (calls.parse().unwrap(), bytes.parse().unwrap())
}
