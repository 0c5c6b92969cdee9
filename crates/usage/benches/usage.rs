//! What counting and asking cost: `cargo bench -p nexus-usage`. Nanoseconds per operation, the median of several runs.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a program that prints figures"
)]

use std::{
    hint::black_box,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
};

use nexus_usage::{Amount, Backend, Limits, Meter, Mode, Settings, Timestamp, Usage};
use tokio::time::Instant;

const RUNS: usize = 9;
const OPERATIONS: u32 = 2_000_000;

const LIMITS: Limits = Limits {
    api_requests: 1 << 50,
    egress_bytes: 1 << 50,
    ingress_bytes: 1 << 50,
};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let usage = runtime.block_on(Usage::open(Settings::default())).unwrap();
    println!(
        "{:<52} {:>9} {:>9}",
        "nanoseconds per operation", "1 thread", "2 threads"
    );
    let at = Timestamp::now();
    row("reference: 3 atomic additions", {
        let counters: Arc<[AtomicU64; 3]> = Arc::default();
        move || {
            for counter in &*counters {
                black_box(counter).fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    row("reference: the machine's clock", || {
        black_box(Timestamp::now());
    });
    for mode in [Mode::Off, Mode::Observe, Mode::Approximate, Mode::Exact] {
        let meter = meter(&usage, mode);
        row(&format!("record_at, {mode:?}"), {
            let meter = meter.clone();
            move || meter.record_at(black_box(at), Amount::request(100, 10))
        });
        row(&format!("within_limits_at, {mode:?}"), {
            let meter = meter.clone();
            move || drop(black_box(meter.within_limits_at(black_box(at), Amount::request(0, 0))))
        });
        row(&format!("try_admit_at alone, {mode:?}"), {
            let meter = meter.clone();
            // Forgotten, so that giving back is not counted.
            move || std::mem::forget(black_box(meter.try_admit_at(black_box(at), Amount::request(0, 0))))
        });
        row(&format!("try_admit_at and drop, {mode:?}"), {
            let meter = meter.clone();
            move || drop(black_box(meter.try_admit_at(black_box(at), Amount::request(0, 0))))
        });
        row(&format!("try_admit_at and settle_at, {mode:?}"), move || {
            if let Ok(reservation) = meter.try_admit_at(black_box(at), Amount::request(0, 0)) {
                reservation.settle_at(black_box(at), Amount::request(100, 10));
            }
        });
    }
    let meter = meter(&usage, Mode::Exact);
    row("record, with the clock", move || meter.record(Amount::request(100, 10)));
}

fn meter(usage: &Usage, mode: Mode) -> Meter {
    usage
        .register(&Backend::new(&format!("{mode:?}")).unwrap(), mode, LIMITS)
        .unwrap()
}

fn row(name: &str, operation: impl Fn() + Clone + Send + 'static) {
    println!(
        "{name:<52} {:>9.1} {:>9.1}",
        median(1, &operation),
        median(2, &operation)
    );
}

fn median(threads: usize, operation: &(impl Fn() + Clone + Send + 'static)) -> f64 {
    let mut runs: Vec<f64> = (0..RUNS).map(|_| run(threads, operation)).collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

/// Every thread does all the operations; the time that one of them took on the slowest thread.
fn run(threads: usize, operation: &(impl Fn() + Clone + Send + 'static)) -> f64 {
    let barrier = Arc::new(Barrier::new(threads));
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let (operation, barrier) = (operation.clone(), barrier.clone());
            std::thread::spawn(move || {
                barrier.wait();
                let begun = Instant::now();
                (0..OPERATIONS).for_each(|_| operation());
                begun.elapsed()
            })
        })
        .collect();
    let slowest = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .max()
        .unwrap_or_default();
    slowest.as_nanos() as f64 / f64::from(OPERATIONS)
}
