//! What the sink sends to BigQuery and what it makes of the answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use nexus_usage_log::{
    Amounts, BearerToken, BigQuerySettings, BigQuerySink, Dimensions, Entry, Event, EventOutcome, ForeignId, Id,
    Labels, Record, Settings, Sink as _, Time, Timing, UsageLog,
};

use crate::service::{Service, Turn};

const PATIENCE: Duration = Duration::from_secs(60);

fn settings(address: &str) -> BigQuerySettings {
    let token = BearerToken::from_fn(|| Ok("fresh".to_owned()));
    let mut settings = BigQuerySettings::new("my-project", "billing", "usage log/€", token);
    settings.endpoint = address.to_owned();
    settings
}

fn world() -> (Service, BigQuerySink) {
    let (service, address) = Service::start();
    (service, BigQuerySink::open(settings(&address)).unwrap())
}

fn record(key: &str, bytes_out: u64) -> Record {
    Record {
        ended_at: Time::now(),
        dimensions: Dimensions {
            key: key.into(),
            status: 200,
            labels: Labels::new([("plan", "a\0\"\u{1f980}")]),
            ..Dimensions::default()
        },
        amounts: Amounts {
            calls: 1,
            bytes_out,
            ..Amounts::default()
        },
    }
}

fn entry(id: &str, record: Record) -> Entry {
    let (scope, source, id) = ("acme".into(), "nginx".into(), id.into());
    Entry {
        id: Id::Foreign(ForeignId { scope, source, id }),
        record,
        timing: Timing::Given,
    }
}

fn entries(count: u64) -> Vec<Entry> {
    (0..count)
        .map(|number| entry(&number.to_string(), record("acme", number)))
        .collect()
}

/// What is behind an error.
fn why(error: &nexus_usage_log::SinkError) -> String {
    std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[test]
fn rows_arrive_in_requests_of_bounded_size() {
    let (service, address) = Service::start();
    let mut settings = settings(&address);
    settings.request_rows_max = 100;
    let mut sink = BigQuerySink::open(settings.clone()).unwrap();
    assert_eq!(sink.store(&entries(250)).unwrap(), vec![EventOutcome::Stored; 250]);
    service.table(|table| assert_eq!(table.requests, [100, 100, 50]));
    assert_eq!((service.sum("calls"), service.sum("bytes")), (250, 249 * 125));
    settings.request_bytes_max = 10_000;
    let mut sink = BigQuerySink::open(settings).unwrap();
    assert_eq!(sink.store(&entries(250)).unwrap(), vec![EventOutcome::Stored; 250]);
    // The repeats are the service's to drop.
    service.table(|table| assert_eq!((table.rows.len(), table.repeats), (250, 250)));
    let after = service.table(|table| table.requests.split_off(3));
    assert!(after.len() > 10 && after.iter().sum::<usize>() == 250, "{after:?}");
}

#[test]
fn one_row_that_is_too_large_goes_alone() {
    let (service, address) = Service::start();
    let mut settings = settings(&address);
    settings.request_bytes_max = 1;
    assert_eq!(
        BigQuerySink::open(settings).unwrap().store(&entries(3)).unwrap(),
        [EventOutcome::Stored; 3]
    );
    service.table(|table| assert_eq!(table.requests, [1, 1, 1]));
}

#[test]
fn invalid_rows_are_refused_and_those_that_they_stopped_are_stored() {
    let (service, mut sink) = world();
    let mut batch = entries(6);
    batch[1].record = record("nobody", 1);
    batch[4].record = record("nobody", 4);
    let (stored, refused) = (EventOutcome::Stored, EventOutcome::Refused);
    assert_eq!(
        sink.store(&batch).unwrap(),
        [stored, refused, stored, stored, refused, stored]
    );
    service.table(|table| assert_eq!((&table.requests[..], table.rows.len()), (&[6, 4][..], 4)));
}

#[test]
fn what_is_said_of_each_row_is_in_order() {
    let (service, mut sink) = world();
    let mut future = entry("later", record("acme", 1));
    future.record.ended_at = Time::now().after(Duration::from_secs(400));
    let first = entry("a", record("acme", 1));
    let mut other = first.clone();
    other.record.amounts.bytes_out = 2;
    let batch = [first.clone(), first.clone(), other, future, first];
    let (duplicate, conflict) = (EventOutcome::Duplicate, EventOutcome::Conflict);
    let expected = [
        EventOutcome::Stored,
        duplicate,
        conflict,
        EventOutcome::Quarantined,
        duplicate,
    ];
    assert_eq!(sink.store(&batch).unwrap(), expected);
    let quarantined = |row: &serde_json::Value| row["quarantined"] == true;
    service.table(|table| assert_eq!(table.rows.values().filter(|row| quarantined(row)).count(), 1));
}

#[test]
fn what_a_batch_that_failed_has_stored_is_not_sent_again() {
    let (service, address) = Service::start();
    let mut settings = settings(&address);
    settings.request_rows_max = 10;
    let mut sink = BigQuerySink::open(settings).unwrap();
    service.next([Turn::Take, Turn::Take, Turn::Refuse(503, None)]);
    let batch = entries(40);
    let refused = sink.store(&batch).unwrap_err();
    assert!(why(&refused).contains("503"), "{}", why(&refused));
    service.next([Turn::Busy]);
    let refused = sink.store(&batch).unwrap_err();
    assert!(why(&refused).contains("backendError"), "{}", why(&refused));
    assert_eq!(sink.store(&batch).unwrap(), vec![EventOutcome::Stored; 40]);
    service.table(|table| {
        assert_eq!((table.rows.len(), table.repeats), (40, 0));
        assert_eq!(table.requests, [10, 10, 10, 10, 1]);
    });
    // Nothing is remembered beyond the batch.
    assert_eq!(sink.store(&batch).unwrap(), vec![EventOutcome::Stored; 40]);
    service.table(|table| assert_eq!((table.rows.len(), table.repeats), (40, 40)));
}

#[test]
fn tokens_are_asked_for_at_every_request() {
    let (_service, address) = Service::start();
    let asked = Arc::new(AtomicUsize::new(0));
    let mut settings = settings(&address);
    let count = asked.clone();
    settings.token = BearerToken::from_fn(move || match count.fetch_add(1, Ordering::SeqCst) {
        0 => Err("nobody knows one".into()),
        1 => Ok("stale".to_owned()),
        _ => Ok("fresh".to_owned()),
    });
    let mut sink = BigQuerySink::open(settings.clone()).unwrap();
    assert_eq!(why(&sink.store(&entries(1)).unwrap_err()), "nobody knows one");
    assert!(why(&sink.store(&entries(1)).unwrap_err()).contains("401"));
    assert_eq!(sink.store(&entries(1)).unwrap(), [EventOutcome::Stored]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    settings.token = BearerToken::from_file(&file);
    let mut sink = BigQuerySink::open(settings).unwrap();
    assert!(why(&sink.store(&entries(1)).unwrap_err()).contains("token"));
    std::fs::write(&file, "fresh\n").unwrap();
    assert_eq!(sink.store(&entries(1)).unwrap(), [EventOutcome::Stored]);
}

/// The whole way: a log with a spill, and a service that fails in every way it can.
#[test]
fn a_service_that_fails_costs_nothing_and_doubles_nothing() {
    let (service, address) = Service::start();
    let mut bigquery = settings(&address);
    bigquery.request_timeout = Duration::from_millis(500);
    let directory = tempfile::tempdir().unwrap();
    let mut settings = Settings::spill(directory.path().join("spool"));
    settings.retry_min = Duration::from_millis(1);
    settings.retry_max = Duration::from_millis(20);
    let log = UsageLog::open(settings, BigQuerySink::open(bigquery).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for round in 0..5 {
        let fails = [
            Turn::Refuse(429, Some(1)),
            Turn::LoseAnswer,
            Turn::Busy,
            Turn::Refuse(500, None),
            Turn::Hang,
        ];
        service.next([Turn::Take, Turn::Take, fails[round]]);
        (0..1_000).for_each(|_| log.record(record("acme", 2)));
        let event = |number| {
            let Entry { id, record, timing } = entry(&format!("{round}-{number}"), record("acme", 3));
            let Id::Foreign(id) = id else { unreachable!() };
            Event { id, record, timing }
        };
        let events: Vec<_> = (0..50).map(event).collect();
        while runtime.block_on(log.store(events.clone())).is_err() {}
    }
    assert!(log.flush(PATIENCE));
    let counts = log.close(PATIENCE);
    assert_eq!(counts.received, counts.stored + counts.dropped.total());
    assert_eq!((service.sum("calls"), service.sum("bytes")), (5_250, 10_000 + 750));
    service.table(|table| assert!(table.repeats > 0 && table.turns.is_empty()));
}
