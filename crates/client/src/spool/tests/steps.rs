//! Histories, read from bytes: whatever the bytes are, they are a history, and fewer bytes are a shorter one.

use nexus_segments::testing::{Choices, Fault, Operations};

use super::{super::Sync, Fate};

/// Something that a process of its own does on a disk that may fail meanwhile, and whether the power is cut then.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) what: What,
    pub(super) fault: Option<Fault>,
    pub(super) power_cut: Option<PowerCut>,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// Appends to these metrics.
    Append {
        metrics: Vec<&'static str>,
        sync: Sync,
    },
    /// Delivers; each try has its fate, and while the first is on its way somebody appends.
    Deliver {
        fates: Vec<Fate>,
        meanwhile: bool,
        target: u64,
    },
    Passes {
        hours: u64,
    },
}

#[derive(Debug, Clone)]
pub(super) struct PowerCut {
    pub(super) page: usize,
    pub(super) choices: Vec<u8>,
}

pub(super) fn steps(choices: &mut Choices<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    while !choices.is_at_end() && steps.len() < 24 {
        steps.push(step(choices));
    }
    steps
}

fn step(choices: &mut Choices<'_>) -> Step {
    let what = match choices.up_to(15) {
        0..=6 => What::Append {
            metrics: (0..=choices.up_to(2)).map(|_| metric(choices)).collect(),
            sync: [Sync::Sync, Sync::Flush][choices.up_to(1)],
        },
        7..=13 => What::Deliver {
            fates: (0..choices.up_to(3)).map(|_| fate(choices)).collect(),
            meanwhile: choices.up_to(1) == 1,
            target: [1, 1, 1, 2][choices.up_to(3)],
        },
        _ => What::Passes {
            hours: 1 + choices.up_to(28) as u64,
        },
    };
    let (fault, is_cut) = match choices.up_to(9) {
        0..=4 => (None, false),
        5 => (None, true),
        6 => (Some(death(choices)), false),
        7 => (Some(death(choices)), true),
        8 => (Some(fault(choices)), true),
        _ => (Some(fault(choices)), false),
    };
    let power_cut = is_cut.then(|| power_cut(choices));
    Step { what, fault, power_cut }
}

fn metric(choices: &mut Choices<'_>) -> &'static str {
    ["a", "a", "b", "c", "unknown", "forbidden"][choices.up_to(5)]
}

fn fate(choices: &mut Choices<'_>) -> Fate {
    [Fate::Answered, Fate::AnswerLost, Fate::RequestLost, Fate::Unreachable][choices.up_to(3)]
}

/// The process dies at one of its operations on the disk.
fn death(choices: &mut Choices<'_>) -> Fault {
    Fault {
        part: [0, 8, 36, 60][choices.up_to(3)],
        ..Fault::death(u32::try_from(choices.up_to(29)).unwrap())
    }
}

fn fault(choices: &mut Choices<'_>) -> Fault {
    Fault {
        what: [Operations::All, Operations::Appends, Operations::Syncs][choices.up_to(2)],
        after: u32::try_from(choices.up_to(12)).unwrap(),
        times: 1 + u32::try_from(choices.up_to(2)).unwrap(),
        part: [0, 1, 20, 36, 60, usize::MAX][choices.up_to(5)],
    }
}

fn power_cut(choices: &mut Choices<'_>) -> PowerCut {
    PowerCut {
        page: [512, 64, 128, 4096][choices.up_to(3)],
        choices: (0..choices.up_to(10)).map(|_| choices.byte()).collect(),
    }
}
