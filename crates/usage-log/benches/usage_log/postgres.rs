//! How fast PostgreSQL takes records.

#[cfg(not(feature = "postgres"))]
pub fn run(_: usize) {
    eprintln!("SKIPPED, nothing was measured: PostgreSQL needs --features postgres");
}

#[cfg(feature = "postgres")]
pub use measured::run;

#[cfg(feature = "postgres")]
mod measured {
    use std::time::{Duration, Instant};

    use nexus_test_servers::{PostgresServer, require};
    use nexus_usage_log::{PostgresSettings, PostgresSink, Sink, Time};

    use crate::traffic::{Texts, batch};

    const BATCH: usize = 20_000;

    /// Live traffic of 100 000 records a second, then what came in over a month, each into a database of its own. The server
    /// has its own defaults: every batch is synced to disk.
    pub fn run(rows: usize) {
        if !require(PostgresServer::PROGRAMS) {
            return;
        }
        let server = PostgresServer::start_with_settings(&[]);
        let now = Time::now();
        let live = Duration::from_micros(10);
        store(&server, rows, "live traffic", |number| {
            now.before(live * (rows - number) as u32)
        });
        let step = Duration::from_secs(30 * 86_400) / rows as u32;
        store(&server, rows, "30 days", |number| {
            now.before(step * (rows - number) as u32)
        });
    }

    fn store(server: &PostgresServer, rows: usize, name: &str, ended_at: impl Fn(usize) -> Time) {
        let database = server.database();
        let mut sink = PostgresSink::open(PostgresSettings::new(server.url(&database))).unwrap();
        let texts = Texts::new();
        let (mut bytes_out, mut spent) = (0, Vec::new());
        for first in (0..rows).step_by(BATCH) {
            let batch = batch(&texts, first..(first + BATCH).min(rows), &ended_at);
            bytes_out += batch.iter().map(|entry| entry.record.amounts.bytes_out).sum::<u64>();
            let started = Instant::now();
            sink.store(&batch).unwrap();
            spent.push(started.elapsed());
        }
        for table in ["raw", "by_second", "by_minute", "by_hour", "by_day"] {
            let sums = format!("SELECT sum(calls), sum(bytes_out) FROM nexus_usage_log_{table}");
            assert_eq!(server.sql(&database, &sums), format!("{rows}|{bytes_out}"), "{table}");
        }
        let all: Duration = spent.iter().sum();
        println!(
            "PostgreSQL, {name}: {rows} rows in batches of {BATCH}, {:.0} rows/s, slowest batch {:?}; rows and all sums agree",
            rows as f64 / all.as_secs_f64(),
            spent.iter().max().unwrap()
        );
    }
}
