//! Each event and each record counts once.

use std::time::Duration;

use nexus_usage_log::{Entry, EventOutcome, Labels, PostgresSettings, Reports, Settings, Sink as _, Time, UsageLog};

use crate::harness::{PATIENCE, database, entry, event, record, sink, total};

#[tokio::test]
async fn a_batch_that_is_posted_three_times_counts_once() {
    let Some((server, database)) = database() else { return };
    let open = || UsageLog::open(Settings::default(), sink(&server.url(&database))).unwrap();
    let batch: Vec<_> = (0..100)
        .map(|number| event(&number.to_string(), record("acme", 200, number, Time::now())))
        .collect();
    let log = open();
    assert_eq!(log.store(batch.clone()).await.unwrap(), vec![EventOutcome::Stored; 100]);
    assert_eq!(
        log.store(batch.clone()).await.unwrap(),
        vec![EventOutcome::Duplicate; 100]
    );
    log.close(PATIENCE);
    let log = open();
    assert_eq!(log.store(batch).await.unwrap(), vec![EventOutcome::Duplicate; 100]);
    assert_eq!((log.counts().received, log.counts().duplicate), (100, 100));
    assert_eq!(total(server, &database), (100, 4_950));
}

#[test]
fn what_becomes_of_each_event_is_said_in_order() {
    let Some((server, database)) = database() else { return };
    let (now, day) = (Time::now(), Duration::from_secs(86_400));
    let at = |id: &str, bytes, ended_at| entry(event(id, record("acme", 200, bytes, ended_at)));
    let rows = [
        (at("a", 1, now), EventOutcome::Stored),
        (at("a", 1, now), EventOutcome::Duplicate),
        (at("a", 2, now), EventOutcome::Conflict),
        (at("a", 1, now.before(day)), EventOutcome::Conflict),
        (
            at("b", 1, now.after(Duration::from_secs(400))),
            EventOutcome::Quarantined,
        ),
        (at("c", 1, now.after(Duration::from_secs(200))), EventOutcome::Stored),
        (at("d", 1, now.before(36 * day)), EventOutcome::TooOld),
        (at("e", 1, now.before(34 * day)), EventOutcome::Stored),
    ];
    let (batch, expected): (Vec<Entry>, Vec<EventOutcome>) = rows.into_iter().unzip();
    let mut sink = sink(&server.url(&database));
    assert_eq!(sink.store(&batch).unwrap(), expected);
    // Once more: what is known is, whatever is offered with it.
    let again = expected.iter().map(|fate| match fate {
        EventOutcome::Stored | EventOutcome::Quarantined => EventOutcome::Duplicate,
        other => *other,
    });
    assert_eq!(sink.store(&batch).unwrap(), again.collect::<Vec<_>>());
    assert_eq!(sink.store(&batch[2..3]).unwrap(), [EventOutcome::Conflict]);
    // The quarantined one is not counted, and the first content stays.
    assert_eq!(total(server, &database), (3, 3));
    let sql = |sql| server.sql(&database, sql);
    assert_eq!(sql("SELECT foreign_id FROM nexus_usage_log_quarantine"), "b");
    assert_eq!(
        sql("SELECT sum(records), sum(bytes_out) FROM nexus_usage_log_adjustments"),
        "1|1"
    );
    let reports = Reports::postgres(&PostgresSettings::new(server.url(&database))).unwrap();
    let adjustments = reports.adjustments(now.before(35 * day), now, 10).unwrap();
    let said: Vec<_> = adjustments
        .iter()
        .map(|one| (&*one.key, &*one.service, one.status, one.records, one.amounts.bytes_out))
        .collect();
    assert_eq!(said, [("acme", "tiles", 200, 1, 1)]);
    assert_eq!(
        adjustments[0].hour.seconds(),
        now.before(34 * day).seconds() / 3_600 * 3_600
    );
}

/// They make the tables at once too, and count the same series.
#[test]
fn logs_that_store_at_once_count_each_event_once_and_each_record() {
    let Some((server, database)) = database() else { return };
    let now = Time::now();
    let directories: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    std::thread::scope(|scope| {
        for directory in &directories {
            let log = UsageLog::open(crate::harness::settings(directory), sink(&server.url(&database))).unwrap();
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                for round in 0..10 {
                    let events = (0..50).map(|number| {
                        event(
                            &format!("{round}-{number}"),
                            record(&format!("key-{}", number % 7), 200, 1, now),
                        )
                    });
                    let mut events: Vec<_> = events.collect();
                    events.rotate_left(round * 5);
                    while runtime.block_on(log.store(events.clone())).is_err() {}
                    (0..200).for_each(|number| log.record(record(&format!("key-{}", number % 7), 200, 10, now)));
                }
                assert!(log.flush(PATIENCE));
                let counts = log.close(PATIENCE);
                assert_eq!(
                    counts.received,
                    counts.stored + counts.duplicate + counts.dropped.total()
                );
                assert_eq!((counts.pending, counts.dropped.conflict), (0, 0));
            });
        }
    });
    assert_eq!(total(server, &database), (500 + 4 * 2_000, 500 + 4 * 20_000));
}

#[test]
fn texts_and_amounts_that_postgresql_does_not_know_are_stored() {
    let Some((server, database)) = database() else { return };
    let mut odd = record("nul\0key", 200, u64::MAX, Time::now());
    odd.dimensions.route = "{\"\\,}NULL'\u{1f980}".into();
    odd.dimensions.labels = Labels::new([("plan\0", "\u{1f980}\"\\"), ("zone", "a\0b")]);
    let batch: Vec<_> = ["nul\0id", "other"].map(|id| entry(event(id, odd.clone()))).into();
    assert_eq!(
        sink(&server.url(&database)).store(&batch).unwrap(),
        [EventOutcome::Stored; 2]
    );
    let sql = |sql| server.sql(&database, sql);
    let stored = "SELECT DISTINCT key, route, labels ->> 'zone' FROM nexus_usage_log_records";
    assert_eq!(sql(stored), "nul\u{fffd}key|{\"\\,}NULL'\u{1f980}|a\u{fffd}b");
    assert_eq!(
        sql("SELECT bytes_out FROM nexus_usage_log_by_day"),
        i64::MAX.to_string()
    );
    assert_eq!(
        sink(&server.url(&database)).store(&batch).unwrap(),
        [EventOutcome::Duplicate; 2]
    );
    assert_eq!(sql("SELECT calls FROM nexus_usage_log_by_day"), "2");
}

#[tokio::test]
async fn a_sink_that_is_called_in_an_asynchronous_task_says_so() {
    let mut sink = sink("postgres://127.0.0.1:1/none");
    let refused = sink.store(&[]).unwrap_err().to_string();
    assert!(refused.contains("asynchronous"), "{refused}");
}
