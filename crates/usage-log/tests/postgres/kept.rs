//! What the sink keeps, and for how long.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use nexus_usage_log::{
    Clock, EventOutcome, Gap, Id, PostgresSettings, PostgresSink, Sink as _, Tended, Time, UsageLog,
};

use crate::harness::{PATIENCE, database, entry, event, record, settings, sink, total};

const DAY: i64 = 86_400;

#[test]
fn what_is_past_its_retention_goes_and_the_sums_of_days_stay() {
    static NOW: AtomicI64 = AtomicI64::new(20_000 * DAY);
    let Some((server, database)) = database() else { return };
    let open = || {
        let mut settings = PostgresSettings::new(server.url(&database));
        settings.retention.clock = Clock::new(|| Time::from_seconds(NOW.load(Ordering::SeqCst)));
        settings.retention.minutes_kept = Duration::from_secs(50 * 86_400);
        PostgresSink::open(settings).unwrap()
    };
    let mut sink = open();
    for day in 0..60 {
        NOW.store((20_000 + day) * DAY, Ordering::SeqCst);
        let at = Time::from_seconds((20_000 + day) * DAY + 30);
        let batch: Vec<_> = (0..3)
            .map(|number| entry(event(&format!("{day}-{number}"), record("acme", 200, 1, at))))
            .collect();
        assert_eq!(sink.store(&batch).unwrap(), [EventOutcome::Stored; 3]);
    }
    assert_eq!(total(server, &database), (180, 180));
    let mut other = open();
    while sink.tend().unwrap() == Tended::More {}
    assert_eq!(other.tend().unwrap(), Tended::Done);
    let count = |table: &str| server.sql(&database, &format!("SELECT sum(calls) FROM nexus_usage_log_{table}"));
    // 40 and 50 days, and the one that is not over.
    let left = ["raw", "by_second", "by_minute", "by_hour", "by_day"].map(count);
    assert_eq!(left, ["123", "123", "153", "180", "180"]);
    let ids = server.sql(&database, "SELECT count(*) FROM nexus_usage_log_ids");
    assert_eq!(ids, "126");
    let kept = server.sql(
        &database,
        "SELECT level, since / 86400 FROM nexus_usage_log_kept ORDER BY level",
    );
    assert_eq!(kept, "minute|20009\nsecond|20019");
    // A day whose partition is gone, which the other remembers, is made again.
    let late = Id::Own {
        writer: writer(),
        sequence: 1,
    };
    let mut entry = entry(event("late", record("acme", 200, 1, Time::from_seconds(20_000 * DAY))));
    entry.id = late;
    assert_eq!(other.store(&[entry.clone()]).unwrap(), [EventOutcome::Stored]);
    while sink.tend().unwrap() == Tended::More {}
    entry.id = Id::Own {
        writer: writer(),
        sequence: 2,
    };
    let stored = other.store(&[entry.clone()]).or_else(|_| other.store(&[entry]));
    assert_eq!(stored.unwrap(), [EventOutcome::Stored]);
}

/// One that a log has made: its gaps tell.
fn writer() -> nexus_usage_log::WriterId {
    static WRITER: std::sync::OnceLock<nexus_usage_log::WriterId> = std::sync::OnceLock::new();
    *WRITER.get_or_init(|| {
        struct Spy(std::sync::mpsc::Sender<nexus_usage_log::WriterId>);
        impl nexus_usage_log::Sink for Spy {
            fn store(
                &mut self,
                batch: &[nexus_usage_log::Entry],
            ) -> Result<Vec<EventOutcome>, nexus_usage_log::SinkError> {
                for entry in batch {
                    if let Id::Own { writer, .. } = &entry.id {
                        self.0.send(*writer).unwrap();
                    }
                }
                Ok(vec![EventOutcome::Stored; batch.len()])
            }
        }
        let (tell, told) = std::sync::mpsc::channel();
        let log = UsageLog::open(nexus_usage_log::Settings::default(), Spy(tell)).unwrap();
        log.record(record("acme", 200, 1, Time::now()));
        assert!(log.flush(PATIENCE));
        told.recv().unwrap()
    })
}

#[test]
fn gaps_are_noted_once() {
    let Some((server, database)) = database() else { return };
    let gap = Gap {
        writer: writer(),
        last: 7,
        last_possible: 12,
    };
    let mut sink = sink(&server.url(&database));
    sink.note_gap(gap).unwrap();
    sink.note_gap(gap).unwrap();
    let noted = server.sql(&database, "SELECT last, last_possible FROM nexus_usage_log_gaps");
    assert_eq!(noted, "7|12");
}

#[test]
fn combinations_that_are_too_many_are_not_told_apart_and_still_counted() {
    let Some((server, database)) = database() else { return };
    let mut settings = PostgresSettings::new(server.url(&database));
    settings.retention.series_max = 3;
    let mut sink = PostgresSink::open(settings).unwrap();
    for number in 0..10 {
        let mut record = record("acme", 200, 1, Time::now());
        record.dimensions.route = format!("/{number}").into();
        sink.store(&[entry(event(&number.to_string(), record))]).unwrap();
    }
    let routes = "SELECT route, sum(calls) FROM nexus_usage_log_records GROUP BY route ORDER BY route";
    assert_eq!(server.sql(&database, routes), "(other)|7\n/0|1\n/1|1\n/2|1");
}

#[test]
fn a_log_of_another_version_is_left_alone() {
    let Some((server, database)) = database() else { return };
    server.sql(
        &database,
        "CREATE TABLE nexus_usage_log (version integer); INSERT INTO nexus_usage_log VALUES (7)",
    );
    let refused = sink(&server.url(&database)).store(&[]).unwrap_err();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("version 7"), "{why}");
}

#[test]
fn the_question_of_the_readme_is_answered_from_sums_as_from_records() {
    let Some((server, database)) = database() else { return };
    let directory = tempfile::tempdir().unwrap();
    let log = UsageLog::open(settings(&directory), sink(&server.url(&database))).unwrap();
    let start = Time::now().before(Duration::from_secs(600));
    let mut expected: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for number in 0..3_000_u64 {
        let status = if number % 5 == 0 { 404 } else { 200 };
        let at = start.after(Duration::from_millis(number * 97));
        log.record(record(&format!("key-{}", number % 11), status, number, at));
        if status == 200 {
            let (calls, bytes) = expected.entry(at.seconds()).or_default();
            *calls += 1;
            *bytes += number;
        }
    }
    assert!(log.flush(PATIENCE));
    let rows = expected.iter().rev().take(100);
    let rows: Vec<_> = rows
        .map(|(second, (calls, bytes))| format!("{calls}|{bytes}|{second}"))
        .collect();
    let from_records = "SELECT SUM(calls) AS calls, SUM(bytes_out) AS bytes, extract(epoch FROM date_trunc('second', ended_at))::bigint AS w
        FROM nexus_usage_log_records WHERE status=200 GROUP BY w ORDER BY w DESC LIMIT 100";
    let from_sums =
        "SELECT SUM(calls) AS calls, SUM(bytes_out) AS bytes, extract(epoch FROM to_timestamp(bucket))::bigint AS w
        FROM nexus_usage_log_by_second AS sums JOIN nexus_usage_log_series AS series ON series.id = sums.series
        WHERE status=200 GROUP BY w ORDER BY w DESC LIMIT 100";
    for question in [from_records, from_sums] {
        assert_eq!(server.sql(&database, question), rows.join("\n"));
    }
}
