use std::{
    collections::{HashMap, VecDeque},
    fs, io,
    path::Path,
};

use super::{SegmentState, frame, segment};
use crate::{Gap, WriterId};

/// What an earlier process left.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) segments: VecDeque<SegmentState>,
    pub(super) records: u64,
    pub(super) gaps: Vec<Gap>,
}

/// What is known of a writer from the segments up to here.
#[derive(Debug, Clone, Copy)]
struct Reached {
    last: u64,
    last_possible: u64,
}

/// Reads all segments. Their order is that of their numbers. What follows damage in a segment cannot be read: the numbers
/// that are missing then, and those that were given and never written, are the gaps.
pub(super) fn scan(directory: &Path) -> io::Result<Found> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        numbers.extend(segment::number_of(&entry?.path()));
    }
    numbers.sort_unstable();
    let mut found = Found::default();
    let mut writers: HashMap<WriterId, Reached> = HashMap::new();
    for number in numbers {
        let path = segment::path(directory, number);
        let bytes = fs::read(&path)?;
        let Some(writer) = segment::read_header(&bytes, number) else {
            tracing::warn!(path = %path.display(), bytes = bytes.len(), "not a segment of the usage log: set aside");
            fs::rename(&path, path.with_extension("damaged"))?;
            continue;
        };
        let before = found.records;
        let end = scan_frames(&bytes, writer, &mut writers, &mut found);
        if end < bytes.len() {
            let lost = bytes.len() - end;
            tracing::warn!(path = %path.display(), at = end, bytes = lost, "the end of a segment cannot be read");
        }
        found.segments.push_back(SegmentState {
            number,
            writer,
            bytes: end as u64,
            records: found.records - before,
            is_sealed: true,
            file: None,
            synced_bytes: end as u64,
        });
    }
    found.gaps.extend(writers.into_iter().filter_map(|(writer, reached)| {
        (reached.last < reached.last_possible).then_some(Gap {
            writer,
            last: reached.last,
            last_possible: reached.last_possible,
        })
    }));
    Ok(found)
}

/// Where the whole frames of a segment end.
fn scan_frames(bytes: &[u8], writer: WriterId, writers: &mut HashMap<WriterId, Reached>, found: &mut Found) -> usize {
    let mut at = segment::HEADER_BYTES;
    while let Some((header, _, length)) = bytes.get(at..).and_then(frame::read) {
        let before = writers.insert(
            writer,
            Reached {
                last: header.last(),
                last_possible: header.last_possible,
            },
        );
        if let Some(before) = before
            && before.last + 1 < header.first
        {
            found.gaps.push(Gap {
                writer,
                last: before.last,
                last_possible: header.first - 1,
            });
        }
        found.records += u64::from(header.count);
        at += length;
    }
    at
}
