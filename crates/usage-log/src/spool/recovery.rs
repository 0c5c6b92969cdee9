//! What an earlier process left in the spool.

use std::{
    collections::{HashMap, VecDeque},
    io,
    path::Path,
};

use nexus_segments::{Disk, frame::Reader};

use super::{
    SegmentState,
    frame::FrameHeader,
    segment::{self, NAMES, Opened},
};
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
pub(super) fn scan(disk: &(impl Disk + ?Sized), directory: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    let mut writers: HashMap<WriterId, Reached> = HashMap::new();
    for number in NAMES.list(disk, directory)? {
        let path = NAMES.path(directory, number);
        let (writer, mut frames) = match segment::open(disk, directory, number)? {
            Opened::Segment(writer, frames) => (writer, frames),
            Opened::Unborn => {
                disk.remove(&path)?;
                continue;
            }
            Opened::Foreign => {
                tracing::warn!(path = %path.display(), "not a segment of the usage log: set aside");
                disk.rename(&path, &path.with_extension("damaged"))?;
                continue;
            }
        };
        let before = found.records;
        scan_frames(&mut frames, writer, &mut writers, &mut found)?;
        let rest = frames.skip_gap::<FrameHeader>()?;
        if rest.length > 0 {
            tracing::warn!(path = %path.display(), at = rest.offset, bytes = rest.length, "the end of a segment cannot be read");
        }
        found.segments.push_back(SegmentState {
            number,
            writer,
            bytes: rest.offset,
            records: found.records - before,
            is_sealed: true,
            // It is not known whether that process has synced it.
            synced_bytes: 0,
            is_given_up: false,
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

/// The whole frames of a segment.
fn scan_frames(
    frames: &mut Reader,
    writer: WriterId,
    writers: &mut HashMap<WriterId, Reached>,
    found: &mut Found,
) -> io::Result<()> {
    while let Some(frame) = frames.next_frame::<FrameHeader>()? {
        let header = frame.header;
        let reached = Reached {
            last: header.last(),
            last_possible: header.last_possible,
        };
        if let Some(before) = writers.insert(writer, reached)
            && before.last + 1 < header.first
        {
            found.gaps.push(Gap {
                writer,
                last: before.last,
                last_possible: header.first - 1,
            });
        }
        found.records += u64::from(header.count);
    }
    Ok(())
}
