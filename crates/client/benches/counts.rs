//! cargo bench -p nexus-client --features metrics --bench counts
//!
//! What one count costs, in nanoseconds: here, in the recorder of `metrics-exporter-prometheus`, and in a bare atomic; by one
//! thread, and by two that count in the same series. The best of several runs, since all else on the machine only adds.
//!
//! The sender runs as it does in a program, and finds no hub.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark tells what it measured"
)]

use std::{
    hint::black_box,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use metrics::with_local_recorder;
use metrics_exporter_prometheus::PrometheusBuilder;
use nexus_client::{Client, Counts};
use tokio::time::Instant;

const TIMES: u32 = 2_000_000;
const RUNS: u32 = 7;

fn main() {
    let counts = Counts::builder(Client::builder("http://127.0.0.1:1")).start().unwrap();
    println!("| one count, in ns | 1 thread | 2 threads |");
    println!("|---|---:|---:|");
    handles(&counts);
    lookups(&counts);
    drop(counts);
}

fn handles(counts: &Counts) {
    let (ours, theirs) = (counts.recorder(), PrometheusBuilder::new().build_recorder());
    let atomic = AtomicU64::new(0);
    row("a bare AtomicU64, relaxed", || {
        atomic.fetch_add(black_box(1), Ordering::Relaxed);
    });
    let counter = counts.counter("jobs_total", [("queue", "mail")]);
    row("Counter::inc", || counter.inc());
    row("Counter::add(0.5)", || counter.add(black_box(0.5)));
    let gauge = counts.gauge("running", [("queue", "mail")]);
    row("Gauge::set", || gauge.set(black_box(1.5)));
    row("Gauge::inc", || gauge.inc());
    let histogram = counts.histogram("seconds", [("queue", "mail")]);
    row("Histogram::observe, 11 buckets", || histogram.observe(black_box(0.3)));

    let mine = with_local_recorder(&ours, || metrics::counter!("facade_total", "queue" => "mail"));
    row("metrics counter handle, Recorder", || mine.increment(black_box(1)));
    let prometheus = with_local_recorder(&theirs, || metrics::counter!("facade_total", "queue" => "mail"));
    row("metrics counter handle, metrics-exporter-prometheus", || {
        prometheus.increment(black_box(1));
    });
    let mine = with_local_recorder(&ours, || metrics::histogram!("facade_seconds", "queue" => "mail"));
    row("metrics histogram handle, Recorder", || mine.record(black_box(0.3)));
}

/// By name and labels, each time.
fn lookups(counts: &Counts) {
    let (ours, theirs) = (counts.recorder(), PrometheusBuilder::new().build_recorder());
    row("counts.counter(name, [(label, value)]).inc()", || {
        counts.counter(black_box("jobs_total"), [("queue", "mail")]).inc();
    });
    let macros = || metrics::counter!("macro_total", "queue" => "mail").increment(black_box(1));
    row("metrics::counter!, Recorder", || with_local_recorder(&ours, macros));
    row("metrics::counter!, metrics-exporter-prometheus", || {
        with_local_recorder(&theirs, macros);
    });
}

fn row(what: &str, count: impl Fn() + Sync) {
    let (one, two) = (best(1, &count), best(2, &count));
    println!("| {what} | {one:.1} | {two:.1} |");
}

/// Nanoseconds of one thread's time for each count.
fn best(threads: u32, count: &(impl Fn() + Sync)) -> f64 {
    (0..RUNS).map(|_| run(threads, count)).fold(f64::INFINITY, f64::min)
}

fn run(threads: u32, count: &(impl Fn() + Sync)) -> f64 {
    let start = Barrier::new(threads as usize);
    let timed = || {
        start.wait();
        let started = Instant::now();
        for _ in 0..TIMES {
            count();
        }
        started.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(timed)).collect();
        running.into_iter().map(|one| one.join().unwrap()).fold(0.0, f64::max)
    })
}
