//! The scripts that run in Redis.

use std::{collections::BTreeMap, sync::LazyLock};

use redis::{Cmd, Script};

use super::keys::Keys;
use crate::{Amount, Cell, Claim, Field, Ledger, Period, Totals};

static INDEX: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(include_str!("index.lua")));
static PUSH: LazyLock<Loaded> =
    LazyLock::new(|| Loaded::new(concat!(include_str!("prelude.lua"), "\n", include_str!("push.lua"))));
static CLAIM: LazyLock<Loaded> =
    LazyLock::new(|| Loaded::new(concat!(include_str!("prelude.lua"), "\n", include_str!("claim.lua"))));

/// A script and the hash that it is called by.
struct Loaded {
    text: &'static str,
    hash: String,
}

impl Loaded {
    fn new(text: &'static str) -> Self {
        Loaded {
            text,
            hash: Script::new(text).get_hash().to_owned(),
        }
    }

    fn call(&self, keys: &[String]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len()).arg(keys);
        command
    }
}

/// What a claim's script does.
#[derive(Debug, Clone, Copy)]
pub(super) enum How<'a> {
    /// Raises the claim as far as the limits allow.
    Part(&'a Claim),
    /// Raises the claim if the limits allow all of it.
    Whole(&'a Claim),
    /// Lowers the claim.
    Lower,
}

/// Has a server know all scripts.
pub(super) fn load() -> Vec<Cmd> {
    let scripts: [&Loaded; 3] = [&INDEX, &PUSH, &CLAIM];
    let load = |script: &Loaded| {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(script.text);
        command
    };
    scripts.into_iter().map(load).collect()
}

/// Puts the cells' subjects into the sets of their periods.
pub(super) fn index(keys: &Keys, cells: &[Cell]) -> Vec<Cmd> {
    let mut by_period = BTreeMap::<_, Vec<_>>::new();
    for cell in cells.iter().filter(|cell| cell.totals != Totals::ZERO) {
        by_period.entry(cell.period).or_default().push(cell.subject.as_str());
    }
    let put = |(period, names): (Period, Vec<&str>)| {
        let mut command = INDEX.call(&[keys.subjects(period)]);
        command.arg(gone_at(period)).arg(names);
        command
    };
    by_period.into_iter().map(put).collect()
}

/// Merges a cell.
pub(super) fn push(keys: &Keys, cell: &Cell) -> Cmd {
    let mut command = PUSH.call(&[keys.cells(cell.period, &cell.subject)]);
    add_cell(&mut command, cell);
    command
}

/// Merges a cell, and raises or lowers its writer's claim.
pub(super) fn claim(keys: &Keys, cell: &Cell, up_to: &Amount, how: How<'_>) -> Cmd {
    let mut command = CLAIM.call(&[
        keys.cells(cell.period, &cell.subject),
        keys.claims(cell.period, &cell.subject),
    ]);
    add_cell(&mut command, cell);
    for field in Field::ALL {
        command.arg(up_to.get(field));
    }
    match how {
        How::Part(claim) => add_claim(command.arg("part"), claim),
        How::Whole(claim) => add_claim(command.arg("whole"), claim),
        How::Lower => {
            command.arg("lower");
        }
    }
    command
}

fn add_cell(command: &mut Cmd, cell: &Cell) {
    command.arg(cell.writer.to_string()).arg(gone_at(cell.period));
    let Totals { added, taken } = cell.totals;
    for amount in [added, taken] {
        for field in Field::ALL {
            // What a double holds exactly; see `Totals::VALUE_MAX`.
            command.arg(amount.get(field).min(Totals::VALUE_MAX));
        }
    }
}

fn add_claim(command: &mut Cmd, claim: &Claim) {
    for field in Field::ALL {
        command.arg(claim.limits.get(field).unwrap_or(0));
    }
    command.arg(
        u64::try_from(claim.valid_for.as_millis())
            .unwrap_or(u64::MAX)
            .min(Totals::VALUE_MAX),
    );
}

/// When a period's keys go, in Unix seconds.
fn gone_at(period: Period) -> i64 {
    Ledger::kept_until(period).seconds()
}
