//! How fast SQLite takes records, and how fast it reports them.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use nexus_usage_log::{Column, Query, Reports, Retention, Sink, SqliteSink, Time, Window};

use crate::traffic::{Texts, batch};

const DAY: u64 = 86_400;
const BATCH: usize = 20_000;

/// Rows into SQLite by batches of 20 000, over thirty days.
pub fn run(rows: usize) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("usage-log.db");
    let mut sink = SqliteSink::open(&path, Retention::default()).unwrap();
    let texts = Texts::new();
    let begin = Time::now().before(Duration::from_secs(30 * DAY));
    let step = Duration::from_nanos(30 * DAY * 1_000_000_000 / rows as u64);
    let mut spent = Vec::new();
    for first in (0..rows).step_by(BATCH) {
        let ended_at = |number: usize| begin.after(step * u32::try_from(number).unwrap());
        let batch = batch(&texts, first..(first + BATCH).min(rows), ended_at);
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
    const BATCHES: usize = 25;
    let mut spent = Duration::ZERO;
    for number in 0..BATCHES {
        let begin = Time::now();
        let first = stored + number * BATCH;
        let ended_at = |number: usize| begin.after(Duration::from_micros(10 * (number - first) as u64));
        let batch = batch(texts, first..first + BATCH, ended_at);
        let started = Instant::now();
        sink.store(&batch).unwrap();
        spent += started.elapsed();
    }
    println!(
        "SQLite, live traffic at {stored} rows stored: {:.0} rows/s",
        (BATCH * BATCHES) as f64 / spent.as_secs_f64()
    );
}

fn reports(path: &Path, rows: usize) {
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
