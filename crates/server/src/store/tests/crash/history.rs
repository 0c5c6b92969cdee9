//! Histories, read from bytes: whatever the bytes are, they are a history, and fewer bytes are a shorter one.

use nexus_segments::testing::{Choices, Fault, Operations};

use super::model::{Change, Kind, What, Write};
use crate::config::Durability;

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Writes that reach the writer together: one frame.
    Group(Vec<Write>),
    /// A snapshot; before the numbered operations on its file these writes happen.
    Snapshot(Vec<(usize, Write)>),
    Fault(Fault),
    /// An orderly stop and a start, in this mode.
    Restart(Durability),
    /// What happened from `at` on (of 255) since the last crash did not happen; then a start in this mode.
    Crash {
        at: u8,
        crash: Crash,
        then: Durability,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Crash {
    Kill { part: usize },
    PowerCut { page: usize, choices: Vec<u8> },
}

pub(super) fn durability(choices: &mut Choices<'_>) -> Durability {
    [Durability::Sync, Durability::Flush, Durability::Snapshot][choices.up_to(2)]
}

pub(super) fn steps(choices: &mut Choices<'_>, mut mode: Durability) -> Vec<Step> {
    let mut steps = Vec::new();
    while !choices.is_at_end() && steps.len() < 40 {
        if choices.up_to(30) == 30 {
            mode = durability(choices);
        }
        steps.push(step(choices, mode));
    }
    steps
}

fn step(choices: &mut Choices<'_>, mode: Durability) -> Step {
    match choices.up_to(31) {
        0..=15 => Step::Group(vec![write(choices)]),
        16..=18 => Step::Group((0..2 + choices.up_to(3)).map(|_| write(choices)).collect()),
        19..=20 => Step::Snapshot(Vec::new()),
        21..=23 => Step::Snapshot(
            (0..=choices.up_to(6))
                .map(|_| (choices.up_to(6), write(choices)))
                .collect(),
        ),
        24..=25 => Step::Fault(fault(choices)),
        26..=27 => Step::Restart(mode),
        _ => crash(choices, mode),
    }
}

pub(super) fn crash(choices: &mut Choices<'_>, then: Durability) -> Step {
    // The end is where it hurts most: nothing came to its rescue.
    let at = choices.byte().saturating_mul(2);
    let crash = match choices.up_to(2) {
        0 => Crash::Kill {
            part: choices.up_to(99),
        },
        _ => Crash::PowerCut {
            page: [512, 64, 128, 4096][choices.up_to(3)],
            choices: (0..choices.up_to(12)).map(|_| choices.byte()).collect(),
        },
    };
    Step::Crash { at, crash, then }
}

fn fault(choices: &mut Choices<'_>) -> Fault {
    Fault {
        what: [Operations::All, Operations::Appends, Operations::Syncs][choices.up_to(2)],
        after: choices.up_to(9).try_into().unwrap(),
        times: 1 + u32::try_from(choices.up_to(2)).unwrap(),
        part: [0, 1, 20, 40, 60, usize::MAX][choices.up_to(5)],
    }
}

fn write(choices: &mut Choices<'_>) -> Write {
    let key = match choices.up_to(3) {
        0 => Some((choices.byte() % 8, u8::from(choices.byte() % 8 == 7))),
        _ => None,
    };
    let length = [1, 1, 1, 2, 3, 0][choices.up_to(5)];
    let mut changes: Vec<Change> = (0..length).map(|_| change(choices)).collect();
    // What a selector hits is not asked before it happens: what follows it in the same write may find nothing there.
    if let Some(place) = changes
        .iter()
        .position(|change| matches!(change.what, What::DeleteLabelled | What::DeleteNamed))
    {
        changes.truncate(place + 1);
    }
    let owner = ["x", "y"][usize::from(choices.byte() % 8 == 7)];
    let each = choices.up_to(3) == 3;
    Write {
        owner,
        key,
        each,
        changes,
    }
}

fn change(choices: &mut Choices<'_>) -> Change {
    let (family, usual) = [("a", Kind::Gauge), ("b", Kind::Counter), ("h", Kind::Histogram)][choices.up_to(2)];
    let define = match choices.up_to(15) {
        0..=10 => Some(usual),
        11..=13 => None,
        other => Some([Kind::Gauge, Kind::Histogram][other - 14]),
    };
    let label = ["", "1", "2"][choices.up_to(2)];
    let value = (choices.up_to(9) as f64) - 2.0;
    let (group, expires) = match choices.up_to(15) {
        13 => (Some("g"), None),
        14 => (None, Some(choices.up_to(1) as u64 * 1000)),
        15 => (Some("k"), Some(1000)),
        _ => (None, None),
    };
    let what = match choices.up_to(25) {
        24..=25 => What::ExpireAgo(u64::from(choices.byte() % 4 == 3)),
        0 => What::Delete,
        1 | 23 => What::DeleteFamily,
        // A selector must ask for something that cannot be empty.
        2 if !label.is_empty() => What::DeleteLabelled,
        3 => What::DeleteNamed,
        4..=5 => What::Create,
        6..=9 if usual == Kind::Histogram => What::Merge([1, 0, choices.up_to(3) as u64], value),
        _ if usual == Kind::Histogram => What::Observe(value),
        6..=10 => What::Set(value),
        _ => What::Add(value),
    };
    Change {
        family,
        label,
        define,
        group,
        expires,
        what,
    }
}
