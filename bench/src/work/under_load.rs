//! Writes at a constant rate while the hub does something large: what the writers notice of it.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::{scrape::scrape, snapshot, spoken};
use crate::{
    client::Keep,
    load::{Measured, Plan},
    run::Run,
    series,
    servers::{HubSettings, Server},
    table::{Goal, Quantity, Row, median},
};

/// What a slow reader takes a second.
const SLOW_BYTES: u64 = 1 << 20;

pub(super) fn run(run: &mut Run) -> Result<()> {
    let series = run.size.series;
    // Without TLS, so that two cores have room for the load itself: what waits for a client's turn is no stall of the hub's.
    let hub = run.place.hub(&HubSettings {
        durability: "flush",
        tls: false,
        ..HubSettings::new("under-load")
    })?;
    hub.add_to_each(series)?;
    let sent = AtomicU64::new(series);
    let before = hub.process.resident()?;
    hub.process.forget_peak()?;
    let disturbances: [(&str, &Disturbance<'_>); 5] = [
        ("scrapes", &|over| {
            while !over() {
                scrape(&hub.endpoint, "/__metrics", "")?;
            }
            Ok(())
        }),
        ("gzip scrapes", &|over| {
            while !over() {
                scrape(&hub.endpoint, "/__metrics", "Accept-Encoding: gzip\r\n")?;
            }
            Ok(())
        }),
        ("snapshots", &|over| {
            while !over() {
                snapshot::take(&hub)?;
            }
            Ok(())
        }),
        ("a slow reader of a scrape", &|over| slow_reader(&hub, over)),
        ("a scrape, a snapshot and a slow reader at once", &|over| {
            all_at_once(&hub, over)
        }),
    ];
    for (what, disturb) in disturbances {
        beside(run, &hub, &sent, what, disturb)?;
    }
    let added = hub.process.peak()?.saturating_sub(before);
    run.row(Row::new("memory that all of this added", Quantity::bytes(added as f64)));
    let sent = sent.into_inner();
    hub.must_add_up(sent..=sent, series)
}

type Disturbance<'a> = dyn Fn(&(dyn Fn() -> bool + Sync)) -> Result<()> + Sync + 'a;

fn beside(run: &mut Run, hub: &Server, sent: &AtomicU64, what: &str, disturb: &Disturbance<'_>) -> Result<()> {
    let mut found: [Vec<[f64; 4]>; 2] = Default::default();
    for _ in 0..run.size.rounds {
        let turns: [&Disturbance<'_>; 2] = [disturb, &|_| Ok(())];
        for (turn, found) in turns.into_iter().zip(&mut found) {
            let measured = writes(run, hub, sent, turn)?;
            let at = |quantile| measured.quantile(quantile).as_secs_f64();
            found.push([at(0.5), at(0.99), at(0.999), measured.longest().as_secs_f64()]);
        }
    }
    let [disturbed, alone] = found;
    let middle = |found: &[[f64; 4]], column: usize| {
        median(found.iter().filter_map(|values| values.get(column)).copied().collect())
    };
    let rate = spoken(run.size.rate);
    for (column, name) in ["p50", "p99", "p99.9", "longest"].into_iter().enumerate() {
        let (ours, alone) = (middle(&disturbed, column), middle(&alone, column));
        let row = Row::new(
            format!("{name} of {rate} writes/s beside {what}"),
            Quantity::seconds(ours),
        );
        run.row(match name {
            "p99" => row.beside("undisturbed", alone).goal(Goal::RatioAtMost(2.0)),
            "longest" => row.beside("undisturbed", alone).goal(Goal::AtMost(0.05)),
            _ => row.beside("undisturbed", alone),
        });
    }
    Ok(())
}

/// Increments at the run's rate for a turn, while `disturb` goes on until it is told that the turn is over.
pub(super) fn writes(
    run: &Run,
    hub: &Server,
    sent: &AtomicU64,
    disturb: impl Fn(&(dyn Fn() -> bool + Sync)) -> Result<()> + Sync,
) -> Result<Measured> {
    let over = AtomicBool::new(false);
    let measured = std::thread::scope(|scope| {
        let disturbing = scope.spawn(|| disturb(&|| over.load(Relaxed)));
        let measured = Plan::open(run.size.rate, run.size.turn).run(&hub.endpoint, |number| {
            let path = series::increment(number * 7919 % run.size.series);
            hub.endpoint.request("PUT", &path, "", b"")
        });
        over.store(true, Relaxed);
        disturbing
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        measured
    })?;
    ensure!(measured.refused == 0, "{} writes were refused", measured.refused);
    sent.fetch_add(measured.succeeded, Relaxed);
    Ok(measured)
}

/// As often as an impatient operator would have it: a scrape and a snapshot together, every second.
fn all_at_once(hub: &Server, over: &(dyn Fn() -> bool + Sync)) -> Result<()> {
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| slow_reader(hub, over));
        while !over() {
            let began = Instant::now();
            let snapshot = scope.spawn(|| snapshot::take(hub));
            scrape(&hub.endpoint, "/__metrics", "Accept-Encoding: gzip\r\n")?;
            snapshot
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            while !over() && began.elapsed() < Duration::from_secs(1) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        slow.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Hangs on a scrape and takes little of it at a time, until it is over; then goes away in the middle.
fn slow_reader(hub: &Server, over: &(dyn Fn() -> bool + Sync)) -> Result<()> {
    let request = hub.endpoint.request("GET", "/__metrics", "", b"");
    let connection = hub.endpoint.connect()?;
    connection.read_until(&request, Keep::NothingAt(SLOW_BYTES), over)
}
