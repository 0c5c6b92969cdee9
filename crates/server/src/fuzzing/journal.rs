//! Fuzz target: segments of a journal.

use std::path::Path;

use nexus_segments::{checksum, testing::MemoryDisk};

use super::state::snapshot_reads_back;
use crate::{
    damage::Tolerance,
    journal::{
        Joint, SEQUENCE_MAX,
        recovery::{self, Follows, Position},
    },
    state::State,
    write::{Applied, RecordedWrite},
};

const DIRECTORY: &str = "journal";
const SEGMENT_MAGIC: &[u8] = b"NEXUSJNL";
const SEGMENT_HEADER_BYTES: usize = 48;
/// Where in it the segment's number stands, and its id.
const NUMBER: usize = 12;
const ID: usize = 28;
const FRAME_MAGIC: &[u8] = b"NxF1";
const FRAME_HEADER_BYTES: usize = 40;

/// Two bytes that say how, then segments one after the other, each from its magic to the next.
///
/// The first byte is the snapshot's position; from 0xf0 on it counts down from the highest that can be. If the second is odd,
/// lengths and checksums are put right, so that what they protect is reached. What is applied comes in order, without a gap,
/// and a snapshot of it holds all of it.
pub fn journal(input: &[u8]) -> bool {
    let Some(([start, repair], bytes)) = input.split_first_chunk() else {
        return false;
    };
    let position = match start {
        0xf0.. => SEQUENCE_MAX - u64::from(start & 0x0f),
        low => u64::from(*low),
    };
    let files = MemoryDisk::default();
    let mut previous = [0; 8];
    for (segment, number) in parts(bytes, SEGMENT_MAGIC).into_iter().zip(1..) {
        let mut segment = segment.to_vec();
        if repair & 1 == 1 {
            segment = repaired(&segment, number, &mut previous);
        }
        files.put(format!("{DIRECTORY}/{number:06}.log"), segment);
    }
    let follows = match position {
        0 => Follows::Nothing,
        _ => first_named(bytes).map_or(Follows::Unnamed, Follows::Joint),
    };
    replays_in_order(&files, position, follows)
}

/// What a snapshot says that the first segment goes on behind.
fn first_named(bytes: &[u8]) -> Option<Joint> {
    let id = u64::from_le_bytes(*bytes.get(ID..)?.first_chunk()?);
    Some(Joint {
        before: None,
        next: format!("{id:016x}").parse().ok()?,
    })
}

fn replays_in_order(files: &MemoryDisk, position: u64, follows: Follows) -> bool {
    let directory = Path::new(DIRECTORY);
    let mut state = State::default();
    let (mut next, mut writes) = (position.checked_add(1), 0);
    let replayed = recovery::replay(files, directory, position, follows, |frame, write| {
        assert_eq!(Some(write.first), next, "a change is applied out of order");
        next = write.first.checked_add(write.write.changes.len().max(1) as u64);
        writes += 1;
        apply(&mut state, &write.write, write.first, frame.at_ms);
    });
    salvages(files, position, follows);
    let empty = recovery::empty(files, directory, position);
    let Ok(recovered) = replayed else {
        return false;
    };
    assert_eq!(recovered.last.checked_add(1), next);
    assert_eq!(recovered.writes, writes);
    assert!(writes == 0 || empty.is_ok_and(|empty| empty.is_none()));
    snapshot_reads_back(&state, recovered.last, None, &[]);
    recovered.cut.is_empty()
}

/// Whatever the damage, what is left is a state.
fn salvages(files: &MemoryDisk, position: u64, follows: Follows) {
    for position in [
        Position::Uncertain(None),
        Position::Uncertain(Some(position)),
        Position::Certain(position, follows),
    ] {
        let mut state = State::default();
        let mut damage = Tolerance::listing(3);
        let salvaged = recovery::salvage(files, Path::new(DIRECTORY), position, &mut damage, |frame, write| {
            apply(&mut state, &write.write, write.first, frame.at_ms);
        });
        if let Ok(salvaged) = salvaged {
            snapshot_reads_back(&state, salvaged.last, None, &[]);
        }
    }
}

fn apply(state: &mut State, write: &RecordedWrite<'_>, first: u64, at_ms: u64) {
    let applied: Applied = state.apply_recorded(write, first, at_ms);
    if let Some(idempotency) = write.idempotency {
        state.keep_key(idempotency, &applied, at_ms);
    }
}

/// The bytes cut before each magic but the first; all of them if there is none.
fn parts<'a>(bytes: &'a [u8], magic: &[u8]) -> Vec<&'a [u8]> {
    let starts = memchr::memmem::find_iter(bytes, magic).skip(1);
    let mut parts = Vec::new();
    let mut from = 0;
    for start in starts {
        parts.push(&bytes[from..start]);
        from = start;
    }
    parts.push(&bytes[from..]);
    parts
}

/// A segment whose number, predecessor, lengths and checksums are right; `state/README.md` has the layout.
fn repaired(segment: &[u8], number: u64, previous: &mut [u8; 8]) -> Vec<u8> {
    let Some((header, frames)) = segment.split_at_checked(SEGMENT_HEADER_BYTES) else {
        return segment.to_vec();
    };
    let mut out = header.to_vec();
    out[NUMBER..NUMBER + 8].copy_from_slice(&number.to_le_bytes());
    out[ID + 8..ID + 16].copy_from_slice(previous);
    previous.copy_from_slice(&out[ID..ID + 8]);
    let header_checksum = checksum(&[&out[..ID + 16]]);
    out[ID + 16..].copy_from_slice(&header_checksum.to_le_bytes());
    for frame in parts(frames, FRAME_MAGIC) {
        let mut frame = frame.to_vec();
        if frame.starts_with(FRAME_MAGIC) && frame.len() >= FRAME_HEADER_BYTES {
            let length = u32::try_from(frame.len() - FRAME_HEADER_BYTES).unwrap_or(u32::MAX);
            frame[4..8].copy_from_slice(&length.to_le_bytes());
            let checksum = checksum(&[&frame[4..8], &frame[12..]]);
            frame[8..12].copy_from_slice(&checksum.to_le_bytes());
        }
        out.extend_from_slice(&frame);
    }
    out
}
