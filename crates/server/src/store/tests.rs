//! Stores on a disk in memory, and what the tests below ask of them.

mod by_hand;
mod chain;
mod crash;
mod documented;
mod faults;
mod format_1;
mod in_part;
mod model;
mod pages;
mod recovery;
mod repair;
mod semantics;

use std::{path::PathBuf, sync::Arc};

use nexus_metric::{Kind, Labels, Name};
use nexus_segments::testing::MemoryDisk;

use super::*;
use crate::{
    clients::Clients,
    config::Durability,
    state::{State, StoreLimits, Value},
    write::{Applied, Change, Definition, Op, Outcome, Target, Write},
};

fn settings(disk: &MemoryDisk, durability: Durability) -> Settings {
    Settings {
        disk: Arc::new(disk.clone()),
        snapshot: PathBuf::from("state.yaml"),
        journal: PathBuf::from("journal"),
        durability,
        limits: StoreLimits::NONE,
        queue_writes_max: 1000,
        queue_bytes_max: 1 << 20,
        retry: std::time::Duration::from_millis(1),
        clock: crate::clock::Clock::System,
    }
}

fn open(disk: &MemoryDisk, durability: Durability) -> Store {
    try_open(disk, durability).unwrap().store
}

fn try_open(disk: &MemoryDisk, durability: Durability) -> Result<Opened, OpenError> {
    Store::open(&settings(disk, durability), Clients::new(10))
}

fn target(name: &str, labels: &[(&str, &str)], define: Option<Kind>) -> Target<'static> {
    let labels = Labels::from_pairs(labels.iter().copied()).unwrap();
    Target::new(Name::new(name).unwrap(), labels).defining(define.map(|kind| Arc::new(Definition::of(kind))))
}

fn add(name: &str, delta: f64) -> Change<'static> {
    Change::Series(target(name, &[], Some(Kind::Gauge)), Op::Add(delta))
}

fn set(name: &str, value: f64) -> Change<'static> {
    Change::Series(target(name, &[], Some(Kind::Gauge)), Op::Set(value))
}

fn write_of(changes: Vec<Change<'static>>) -> Write<'static> {
    Write::of("key", changes)
}

fn submit(store: &Store, changes: Vec<Change<'static>>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.submit(write_of(changes)))
}

#[track_caller]
fn accept(store: &Store, changes: Vec<Change<'static>>) -> Applied {
    match submit(store, changes) {
        Outcome::Applied(applied, refused) if refused.is_empty() => applied,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refuse(store: &Store, changes: Vec<Change<'static>>) -> String {
    match submit(store, changes) {
        Outcome::Refused(refusals) => refusals
            .iter()
            .map(|refusal| format!("{}: {}", refusal.index, refusal.reason))
            .collect::<Vec<_>>()
            .join("\n"),
        other => panic!("{other:?}"),
    }
}

/// Every series with its value, one a line.
fn dump(store: &Store) -> String {
    let mut lines = Vec::new();
    for family in store.view().catalog.families() {
        for block in family.blocks() {
            block.for_each(|series| {
                let value = match series.value().unwrap() {
                    Value::Number(value, _) => value.to_string(),
                    Value::Histogram(histogram) => {
                        format!("{:?} sum {}", histogram.counts, histogram.sum)
                    }
                };
                lines.push(format!("{}{{{}}} {value}", family.family.name, series.labels));
            });
        }
    }
    lines.sort();
    lines.join("\n")
}
