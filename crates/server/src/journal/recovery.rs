//! Reads the journal back, and tells a tail that no one was promised from damage.
//!
//! Damage at or below a sequence that is known to be durable is corruption: refused, nothing is changed. Damage above it is
//! what a crash leaves of writes that nobody was told of: cut there, and reported.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    frame::{self, FrameHeader, JournaledWrite},
    segment::{self, HeaderError, SegmentHeader},
};
use crate::{config::Durability, disk::Disk};

/// What reading the journal gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// The last sequence that is known.
    pub(crate) last: u64,
    /// The number for the next segment.
    pub(crate) next_number: u64,
    /// How many frames and writes were read.
    pub(crate) frames: u64,
    pub(crate) writes: u64,
    /// What was left out, for the log.
    pub(crate) cut: Vec<Cut>,
}

/// Bytes at the end of a segment that are not a sound frame and were promised to no one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) file: PathBuf,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("cannot read {file}: {source}", file = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
    #[error("{file}: {error}", file = .0.display(), error = .1)]
    Header(PathBuf, #[source] HeaderError),
    #[error("{file} is damaged at offset {offset}: change {sequence} should stand there and was durable", file = .file.display())]
    Damaged { file: PathBuf, offset: u64, sequence: u64 },
    #[error("{file}, frame at offset {offset}: {error}", file = .file.display())]
    Record {
        file: PathBuf,
        offset: u64,
        error: crate::write::CodecError,
    },
    #[error("changes {from} to {to} are missing: {file} continues after {to}", file = .file.display())]
    Missing { file: PathBuf, from: u64, to: u64 },
    #[error("the journal in {directory} ends with change {last}, but the snapshot holds change {newest}, which was durable there", directory = .directory.display())]
    EndsEarly { directory: PathBuf, last: u64, newest: u64 },
}

/// Reads all that happened after `position` and hands it to `apply`, in order.
pub(crate) fn replay(
    disk: &dyn Disk,
    directory: &Path,
    position: u64,
    mut apply: impl FnMut(&FrameHeader, JournaledWrite),
) -> Result<Recovered, JournalError> {
    let io_error = |error| JournalError::Io(directory.to_owned(), error);
    let numbers = segment::list(disk, directory).map_err(io_error)?;
    let next_number = numbers.last().map_or(1, |last| last + 1);
    let mut recovered = Recovered {
        last: position,
        next_number,
        frames: 0,
        writes: 0,
        cut: Vec::new(),
    };
    let mut segments = Vec::new();
    for number in &numbers {
        segments.push(Segment::open(disk, directory, *number)?);
    }
    for (place, found) in segments.iter().enumerate() {
        let later = segments.get(place + 1..).into_iter().flatten();
        let end = later.filter_map(|next| Some(next.header?.after)).min();
        replay_segment(disk, found, end, &mut recovered, &mut apply)?;
    }
    Ok(recovered)
}

/// What is there if the journal tells of no write, for a state at `position`; `None` if it does.
pub(crate) fn empty(disk: &dyn Disk, directory: &Path, position: u64) -> Result<Option<Recovered>, JournalError> {
    let numbers = segment::list(disk, directory).map_err(|error| JournalError::Io(directory.to_owned(), error))?;
    for number in &numbers {
        let found = Segment::open(disk, directory, *number)?;
        if found.header.is_some() && Frames::open(disk, &found.path)?.next()?.is_some() {
            return Ok(None);
        }
    }
    Ok(Some(Recovered {
        last: position,
        next_number: numbers.last().map_or(1, |last| last + 1),
        frames: 0,
        writes: 0,
        cut: Vec::new(),
    }))
}

/// A segment file and what its header says, if it has one.
struct Segment {
    path: PathBuf,
    header: Option<SegmentHeader>,
}

impl Segment {
    /// A file that ends within its header, or holds nothing but a header's length of zeros (its length reached the disk
    /// before its bytes did), was being made when the hub ended: nothing was ever in it.
    fn open(disk: &dyn Disk, directory: &Path, number: u64) -> Result<Self, JournalError> {
        let path = directory.join(segment::file_name(number));
        let mut bytes = Vec::new();
        let read = disk
            .open(&path)
            .and_then(|file| file.take(segment::HEADER_BYTES as u64 + 1).read_to_end(&mut bytes));
        read.map_err(|error| JournalError::Io(path.clone(), error))?;
        match SegmentHeader::decode(&bytes) {
            Ok(header) => Ok(Segment {
                path,
                header: Some(header),
            }),
            Err(HeaderError::Short) => Ok(Segment { path, header: None }),
            Err(_) if bytes.len() == segment::HEADER_BYTES && bytes.iter().all(|byte| *byte == 0) => {
                Ok(Segment { path, header: None })
            }
            Err(error) => Err(JournalError::Header(path, error)),
        }
    }
}

/// `end` is where a later segment goes on: what this one tells beyond it never was, or belongs to a history that a crash
/// ended and whose sequences were used again.
fn replay_segment(
    disk: &dyn Disk,
    found: &Segment,
    end: Option<u64>,
    recovered: &mut Recovered,
    apply: &mut impl FnMut(&FrameHeader, JournaledWrite),
) -> Result<(), JournalError> {
    let Some(header) = found.header else {
        return Ok(());
    };
    // Under `snapshot` a segment tells only what happened while a snapshot was written; without that snapshot it says nothing.
    let promises = header.durability != Durability::Snapshot;
    if header.after > recovered.last {
        if !promises {
            return Ok(());
        }
        return Err(JournalError::Missing {
            file: found.path.clone(),
            from: recovered.last + 1,
            to: header.after,
        });
    }
    if end.is_some_and(|end| end <= recovered.last) {
        return Ok(());
    }
    // Up to there the segment is known to have been durable when the next one began.
    let durable = end.filter(|_| promises).unwrap_or(0);
    let mut frames = Frames::open(disk, &found.path)?;
    while let Some((frame, payload)) = frames.next()? {
        if frame.last() <= recovered.last {
            continue;
        }
        if frame.first != recovered.last + 1 {
            return Err(JournalError::Missing {
                file: found.path.clone(),
                from: recovered.last + 1,
                to: frame.first.saturating_sub(1),
            });
        }
        if end.is_some_and(|end| frame.last() > end) {
            return Ok(());
        }
        let record_error = |error| JournalError::Record {
            file: found.path.clone(),
            offset: frames.frame_at,
            error,
        };
        for write in frame::writes(&frame, &payload).map_err(record_error)? {
            recovered.writes += 1;
            apply(&frame, write);
        }
        recovered.frames += 1;
        recovered.last = frame.last();
        if end == Some(recovered.last) {
            return Ok(());
        }
    }
    end_of_segment(frames, promises, durable, recovered)
}

/// The frames end here. Either that is all, or what follows is a tail, or it is damage.
fn end_of_segment(frames: Frames, promises: bool, durable: u64, recovered: &mut Recovered) -> Result<(), JournalError> {
    let (file, offset) = (frames.path.clone(), frames.at);
    let rest = frames.into_rest()?;
    let sequence = recovered.last.saturating_add(1);
    let durable = durable.max(if promises { synced_behind(&rest) } else { 0 });
    if durable >= sequence {
        return Err(JournalError::Damaged { file, offset, sequence });
    }
    if !rest.is_empty() {
        recovered.cut.push(Cut {
            file,
            offset,
            length: rest.len() as u64,
        });
    }
    Ok(())
}

/// The highest sequence that a sound frame behind the damage knows to be durable.
fn synced_behind(bytes: &[u8]) -> u64 {
    let mut synced = 0;
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, b"NxF1") {
        rest = rest.get(at..).unwrap_or_default();
        match frame::read(rest) {
            Some((header, _, length)) => {
                synced = synced.max(header.synced);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => rest = rest.get(1..).unwrap_or_default(),
        }
    }
    synced
}

/// The sound frames of a segment, one after the other, up to the first place where there is none.
struct Frames {
    path: PathBuf,
    file: Box<dyn Read>,
    /// Where the last frame begins, and where it ends.
    frame_at: u64,
    at: u64,
    /// What was read behind the last sound frame.
    unread: Vec<u8>,
}

impl Frames {
    fn open(disk: &dyn Disk, path: &Path) -> Result<Self, JournalError> {
        let mut file = disk
            .open(path)
            .map_err(|error| JournalError::Io(path.to_owned(), error))?;
        let mut header = [0; segment::HEADER_BYTES];
        file.read_exact(&mut header)
            .map_err(|error| JournalError::Io(path.to_owned(), error))?;
        Ok(Frames {
            path: path.to_owned(),
            file,
            frame_at: 0,
            at: segment::HEADER_BYTES as u64,
            unread: Vec::new(),
        })
    }

    fn next(&mut self) -> Result<Option<(FrameHeader, Vec<u8>)>, JournalError> {
        let header = self.read(frame::HEADER_BYTES)?;
        let Some(length) = header.first_chunk().and_then(frame::payload_length) else {
            self.unread = header;
            return Ok(None);
        };
        let payload = self.read(length)?;
        let sound = header
            .first_chunk()
            .filter(|_| payload.len() == length)
            .and_then(|header| frame::check(header, &payload));
        let Some(frame) = sound else {
            self.unread = [header, payload].concat();
            return Ok(None);
        };
        self.frame_at = self.at;
        self.at += (frame::HEADER_BYTES + length) as u64;
        Ok(Some((frame, payload)))
    }

    /// Up to `length` bytes; fewer only at the end of the file.
    fn read(&mut self, length: usize) -> Result<Vec<u8>, JournalError> {
        let mut bytes = Vec::new();
        let read = self.file.by_ref().take(length as u64).read_to_end(&mut bytes);
        read.map_err(|error| JournalError::Io(self.path.clone(), error))?;
        Ok(bytes)
    }

    /// All that stands behind the last sound frame.
    fn into_rest(mut self) -> Result<Vec<u8>, JournalError> {
        let mut rest = std::mem::take(&mut self.unread);
        self.file
            .read_to_end(&mut rest)
            .map_err(|error| JournalError::Io(self.path.clone(), error))?;
        Ok(rest)
    }
}
