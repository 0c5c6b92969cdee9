//! The frames of one segment.

use std::{
    io::{self, Read},
    path::Path,
};

use nexus_segments::{
    Disk,
    frame::{self, Reader},
};

use super::JournalError;
use crate::journal::frame::FrameHeader;

/// A sound frame, and where it begins.
pub(super) type Found<'a> = frame::Found<'a, FrameHeader>;

/// A place without a sound frame.
pub(super) type Gap = frame::Gap<FrameHeader>;

/// The frames of a segment, which begin at `at`.
pub(super) fn open(disk: &dyn Disk, path: &Path, at: usize) -> Result<Reader, JournalError> {
    let opened = disk.open(path).and_then(|mut file| {
        file.read_exact(&mut vec![0; at])?;
        Ok(file)
    });
    let file = opened.map_err(io_error(path))?;
    Ok(Reader::new(file, at as u64))
}

/// The next one, up to the first place where there is none.
pub(super) fn next<'r>(frames: &'r mut Reader, path: &Path) -> Result<Option<Found<'r>>, JournalError> {
    frames.next_frame().map_err(io_error(path))
}

/// The place where there is none: what follows goes on behind it.
pub(super) fn skip_gap(frames: &mut Reader, path: &Path) -> Result<Gap, JournalError> {
    frames.skip_gap().map_err(io_error(path))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    |error| JournalError::Io(path.to_owned(), error)
}
