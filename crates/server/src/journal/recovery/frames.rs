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
    /// Where the last frame begins, and where it ends.
    pub(super) frame_at: u64,
    at: u64,
    /// What was read behind the last sound frame.
    unread: Vec<u8>,
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
            frame_at: 0,
            at: segment::HEADER_BYTES as u64,
            unread: Vec::new(),
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<(FrameHeader, Vec<u8>)>, JournalError> {
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

    /// Goes on at the next sound frame, if there is one.
    pub(super) fn skip_gap(&mut self) -> Result<Gap, JournalError> {
        let mut rest = std::mem::take(&mut self.unread);
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
