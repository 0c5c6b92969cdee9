//! What counting and asking cost: `cargo bench -p nexus-usage`. Nanoseconds per operation, the lower decile of many short
//! runs: what else runs on the machine shows in the others.
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

use nexus_usage::{Amount, Limits, Mode, Settings, Subject, Time, Usage, UsageHandle};
use tokio::time::Instant;

const RUNS: usize = 200;
const OPERATIONS: u32 = 10_000;

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
    let at = Time::now();
    row("reference: 3 atomic additions", {
        let counters: Arc<[AtomicU64; 3]> = Arc::default();
        move || {
            for counter in &*counters {
                black_box(counter).fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    row("reference: the machine's clock", || {
        black_box(Time::now());
    });
    for mode in [Mode::Off, Mode::Observe, Mode::Approximate, Mode::Exact] {
        let handle = handle(&usage, mode);
        row(&format!("record_at, {mode:?}"), {
            let handle = handle.clone();
            move || handle.record_at(black_box(at), Amount::request(100, 10))
        });
        row(&format!("within_limits_at, {mode:?}"), {
            let handle = handle.clone();
            move || drop(black_box(handle.within_limits_at(black_box(at), Amount::request(0, 0))))
        });
        row(&format!("try_admit_at alone, {mode:?}"), {
            let handle = handle.clone();
            // Forgotten, so that giving back is not counted.
            move || std::mem::forget(black_box(handle.try_admit_at(black_box(at), Amount::request(0, 0))))
        });
        row(&format!("try_admit_at and drop, {mode:?}"), {
            let handle = handle.clone();
            move || drop(black_box(handle.try_admit_at(black_box(at), Amount::request(0, 0))))
        });
        row(&format!("try_admit_at and settle_at, {mode:?}"), move || {
            if let Ok(reservation) = handle.try_admit_at(black_box(at), Amount::request(0, 0)) {
                reservation.settle_at(black_box(at), Amount::request(100, 10));
            }
        });
    }
    let handle = handle(&usage, Mode::Exact);
    row("record, with the clock", move || {
        handle.record(Amount::request(100, 10));
    });
}

fn handle(usage: &Usage, mode: Mode) -> UsageHandle {
    usage
        .register(&Subject::new(&format!("{mode:?}")).unwrap(), mode, LIMITS)
        .unwrap()
}

fn row(name: &str, operation: impl Fn() + Clone + Send + 'static) {
    println!(
        "{name:<52} {:>9.1} {:>9.1}",
        lower_decile(1, &operation),
        lower_decile(2, &operation)
    );
}

fn lower_decile(threads: usize, operation: &(impl Fn() + Clone + Send + 'static)) -> f64 {
    let mut runs: Vec<f64> = (0..RUNS).map(|_| run(threads, operation)).collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 10]
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
