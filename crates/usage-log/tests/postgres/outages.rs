//! A server that is killed, and a network that loses answers.

use nexus_test_servers::{Proxy, postgres_url};
use nexus_usage_log::{Time, UsageLog};

use crate::harness::{PATIENCE, database, event, record, server, settings, sink, total};

#[test]
fn answers_that_are_lost_double_nothing() {
    let Some((server, database)) = database() else { return };
    let proxy = Proxy::before(server.port());
    let directory = tempfile::tempdir().unwrap();
    // The tables, the partition: what commits from here on are batches.
    let first = UsageLog::open(settings(&directory), sink(&postgres_url(proxy.port(), &database))).unwrap();
    first.record(record("acme", 200, 1, Time::now()));
    assert!(first.flush(PATIENCE));
    first.close(PATIENCE);

    let log = UsageLog::open(settings(&directory), sink(&postgres_url(proxy.port(), &database))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for round in 0..20 {
        proxy.lose_commits(1 + round % 3);
        (0..100).for_each(|_| log.record(record("acme", 200, 1, Time::now())));
        let events: Vec<_> = (0..20)
            .map(|number| event(&format!("{round}-{number}"), record("acme", 206, 1, Time::now())))
            .collect();
        while runtime.block_on(log.store(events.clone())).is_err() {}
        if round % 5 == 4 {
            proxy.cut_all();
        }
    }
    assert!(log.flush(PATIENCE));
    assert_eq!(proxy.commits_to_lose(), 0);
    let counts = log.close(PATIENCE);
    // What was lost came again, and was known.
    assert!(counts.duplicate > 0, "{counts:?}");
    assert_eq!(
        counts.received,
        counts.stored + counts.duplicate + counts.dropped.total()
    );
    assert_eq!(total(server, &database), (1 + 20 * 120, 1 + 20 * 120));
}

#[test]
fn a_server_that_is_killed_again_and_again_costs_nothing() {
    let Some(mut server) = server() else { return };
    let database = server.database();
    let directory = tempfile::tempdir().unwrap();
    let log = UsageLog::open(settings(&directory), sink(&server.url(&database))).unwrap();
    for round in 1..=5_u64 {
        (0..2_000).for_each(|_| log.record(record("acme", 200, 3, Time::now())));
        // In the middle: something is stored, and something waits.
        while log.counts().stored < (round - 1) * 2_000 + 1 {
            std::thread::yield_now();
        }
        server.kill();
        (0..2_000).for_each(|_| log.record(record("acme", 200, 3, Time::now())));
        server.start_again();
    }
    assert!(log.flush(PATIENCE));
    let counts = log.close(PATIENCE);
    assert_eq!((counts.received, counts.dropped.total()), (20_000, 0));
    assert_eq!(counts.stored + counts.duplicate, 20_000);
    assert_eq!(total(&server, &database), (20_000, 60_000));
}
