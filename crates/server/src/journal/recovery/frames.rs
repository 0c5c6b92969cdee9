use std::{
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use super::JournalError;
use crate::{
    disk::Disk,
    journal::{
        frame::{self, FrameHeader, MAGIC},
        segment,
    },
};

/// The sound frames of a segment, one after the other, up to the first place where there is none.
pub(super) struct Frames {
    path: PathBuf,
    file: Box<dyn Read>,
    /// Where the last frame ends.
    at: u64,
    /// The last frame: header and payload. If it is not sound, what was read behind the last one that is.
    bytes: Vec<u8>,
}

/// A sound frame, and where it begins.
pub(super) struct Found<'a> {
    pub(super) offset: u64,
    pub(super) frame: FrameHeader,
    pub(super) payload: &'a [u8],
}

/// A place without a sound frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) offset: u64,
    /// How long it is, up to the next sound frame or to the end of the file.
    pub(super) length: u64,
    /// How much follows up to the end of the file, the gap included.
    pub(super) rest: u64,
    /// How many sound frames follow.
    pub(super) behind: u64,
    /// The highest sequence that one of them knows to be durable.
    pub(super) synced: u64,
}

impl Frames {
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, JournalError> {
        let io_error = |error| JournalError::Io(path.to_owned(), error);
        let mut file = disk.open(path).map_err(io_error)?;
        let mut header = [0; segment::HEADER_BYTES];
        file.read_exact(&mut header).map_err(io_error)?;
        Ok(Frames {
            path: path.to_owned(),
            file,
            at: segment::HEADER_BYTES as u64,
            bytes: Vec::new(),
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<Found<'_>>, JournalError> {
        self.bytes.clear();
        self.read(frame::HEADER_BYTES)?;
        let Some(length) = self.bytes.first_chunk().and_then(frame::payload_length) else {
            return Ok(None);
        };
        self.read(length)?;
        let Some((frame, payload, length)) = frame::read(&self.bytes) else {
            return Ok(None);
        };
        let offset = self.at;
        self.at += length as u64;
        Ok(Some(Found { offset, frame, payload }))
    }

    /// Reads up to `length` bytes more; fewer only at the end of the file. The room for them stays for the next frame.
    fn read(&mut self, length: usize) -> Result<(), JournalError> {
        let read = self.file.by_ref().take(length as u64).read_to_end(&mut self.bytes);
        read.map_err(|error| JournalError::Io(self.path.clone(), error))?;
        Ok(())
    }

    /// Goes on at the next sound frame, if there is one.
    pub(super) fn skip_gap(&mut self) -> Result<Gap, JournalError> {
        let mut rest = std::mem::take(&mut self.bytes);
        self.file
            .read_to_end(&mut rest)
            .map_err(|error| JournalError::Io(self.path.clone(), error))?;
        let sound = sound_frames(&rest);
        let length = sound.first().map_or(rest.len(), |(at, _)| *at);
        let gap = Gap {
            offset: self.at,
            length: length as u64,
            rest: rest.len() as u64,
            behind: sound.len() as u64,
            synced: sound.iter().map(|(_, frame)| frame.synced).max().unwrap_or(0),
        };
        self.at += gap.length;
        rest.drain(..length);
        self.file = Box::new(Cursor::new(rest));
        Ok(gap)
    }
}

/// Every sound frame behind damage, with its place.
fn sound_frames(bytes: &[u8]) -> Vec<(usize, FrameHeader)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..)
        && let Some(next) = memchr::memmem::find(rest, &MAGIC)
    {
        at += next;
        match bytes.get(at..).and_then(frame::read) {
            Some((header, _, length)) => {
                found.push((at, header));
                at += length;
            }
            None => at += 1,
        }
    }
    found
}
