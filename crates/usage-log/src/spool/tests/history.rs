//! Histories, read from bytes: whatever the bytes are, they are a history, and fewer bytes are a shorter one.

use nexus_segments::testing::{Choices, Fault, Operations};

/// Something that a process does, on a disk that may fail meanwhile, and whether that is its end.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) what: What,
    pub(super) fault: Option<Fault>,
    pub(super) end: Option<End>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// So many records as one frame, as many as there may be in the queue, unless there are some to be offered again.
    Append(u64),
    Sync,
    /// Up to so many records, or whole frames of more, go into the sink. If it does not store now, they wait for the next.
    Read {
        records: usize,
        stores: bool,
    },
    /// The log is closed.
    Finish,
}

#[derive(Debug, Clone)]
pub(super) enum End {
    Kill,
    PowerCut { page: usize, choices: Vec<u8> },
}

pub(super) fn steps(choices: &mut Choices<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    while !choices.is_at_end() && steps.len() < 40 {
        steps.push(step(choices));
    }
    steps
}

fn step(choices: &mut Choices<'_>) -> Step {
    let what = match choices.up_to(15) {
        0..=6 => What::Append(1 + choices.up_to(2) as u64),
        7..=9 => What::Sync,
        10..=13 => What::Read {
            records: 1 + choices.up_to(7),
            stores: choices.up_to(3) > 0,
        },
        _ => What::Finish,
    };
    let (fault, is_end) = match choices.up_to(9) {
        0..=4 => (None, false),
        5 => (None, true),
        6 => (Some(death(choices)), true),
        7 => (Some(fault(choices)), true),
        _ => (Some(fault(choices)), false),
    };
    let end = is_end.then(|| end(choices));
    Step { what, fault, end }
}

/// The process dies at one of its operations on the disk.
fn death(choices: &mut Choices<'_>) -> Fault {
    Fault {
        part: [0, 8, 30, 60][choices.up_to(3)],
        ..Fault::death(u32::try_from(choices.up_to(5)).unwrap())
    }
}

fn fault(choices: &mut Choices<'_>) -> Fault {
    Fault {
        what: [Operations::All, Operations::Appends, Operations::Syncs][choices.up_to(2)],
        after: u32::try_from(choices.up_to(4)).unwrap(),
        times: 1 + u32::try_from(choices.up_to(2)).unwrap(),
        part: [0, 1, 20, 40, 60, usize::MAX][choices.up_to(5)],
    }
}

fn end(choices: &mut Choices<'_>) -> End {
    match choices.up_to(2) {
        0 => End::Kill,
        _ => End::PowerCut {
            page: [512, 64, 128, 4096][choices.up_to(3)],
            choices: (0..choices.up_to(10)).map(|_| choices.byte()).collect(),
        },
    }
}
