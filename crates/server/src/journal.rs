//! What happened since the last snapshot: numbered segments of frames, each frame with a checksum.
//!
//! `state/README.md` has the layout to the byte. [`Journal`] is the writing end; [`recovery`] reads.

pub(crate) mod frame;
pub(crate) mod recovery;
mod segment;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) use frame::{Frame, FrameHeader, JournaledWrite};
use segment::NAMES;
pub(crate) use segment::SegmentHeader;

use nexus_segments::{Disk, DiskFile};

use crate::config::Durability;

/// No sequence is beyond it: a century of a thousand million changes a second.
pub(crate) const SEQUENCE_MAX: u64 = 1 << 62;

/// The writing end of the journal. Belongs to the writer.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    durability: Durability,
    file: Box<dyn DiskFile>,
    number: u64,
    /// The last sequence that was appended.
    appended: u64,
    /// The last sequence that is known to be durable.
    synced: u64,
    bytes: u64,
}

impl Journal {
    /// Begins segment `number`, which continues after sequence `after`. All up to `after` is durable already.
    pub(crate) fn begin(
        disk: Arc<dyn Disk>,
        directory: &Path,
        durability: Durability,
        number: u64,
        after: u64,
    ) -> io::Result<Self> {
        let file = begin_segment(
            &*disk,
            directory,
            SegmentHeader {
                durability,
                number,
                after,
            },
        )?;
        Ok(Journal {
            disk,
            directory: directory.to_owned(),
            durability,
            file,
            number,
            appended: after,
            synced: after,
            bytes: 0,
        })
    }

    /// A journal that has no segment yet and fails until it is [abandoned](Journal::abandon) for one: its number will be
    /// `number`.
    pub(crate) fn not_begun(
        disk: Arc<dyn Disk>,
        directory: &Path,
        durability: Durability,
        number: u64,
        after: u64,
    ) -> Self {
        Journal {
            disk,
            directory: directory.to_owned(),
            durability,
            file: Box::new(NoFile),
            number: number.saturating_sub(1),
            appended: after,
            synced: after,
            bytes: 0,
        }
    }

    /// The number of the segment that is being written.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes of frames the segment has.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends a frame. After an error the segment must be given up: see [`Journal::abandon`].
    pub(crate) fn append(&mut self, frame: &mut Frame) -> io::Result<()> {
        let last = frame.last();
        let bytes = frame.seal(self.synced)?;
        self.file.append(bytes)?;
        self.bytes += bytes.len() as u64;
        self.appended = last;
        Ok(())
    }

    /// Fails if the segment's file was removed or moved away: what is appended then would be lost with the process. The
    /// segment must then be given up.
    pub(crate) fn must_be_in_place(&self) -> io::Result<()> {
        let path = NAMES.path(&self.directory, self.number);
        if self.file.is_at(&path)? {
            return Ok(());
        }
        let gone = format!("{} is not there any more", path.display());
        Err(io::Error::new(io::ErrorKind::NotFound, gone))
    }

    /// Makes all that was appended durable. After an error the segment must be given up.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.synced < self.appended {
            self.file.sync()?;
            self.synced = self.appended;
        }
        Ok(())
    }

    /// Ends the segment and begins the next one, which continues after sequence `after`.
    pub(crate) fn rotate(&mut self, after: u64) -> io::Result<()> {
        self.sync()?;
        self.abandon(after)
    }

    /// Gives the segment up and begins the next one. All up to `after` must be durable in a snapshot, whatever is in the
    /// old segment: its descriptor is never synced again.
    pub(crate) fn abandon(&mut self, after: u64) -> io::Result<()> {
        let header = SegmentHeader {
            durability: self.durability,
            number: self.number + 1,
            after,
        };
        self.disk.create_directory(&self.directory)?;
        self.file = begin_segment(&*self.disk, &self.directory, header)?;
        self.number += 1;
        self.appended = after;
        self.synced = after;
        self.bytes = 0;
        Ok(())
    }

    /// Has the segment that is being written reach the disk early, from another thread than the one that writes it.
    pub(crate) fn write_back(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
        if let Some(number) = NAMES.list(disk, directory)?.last() {
            disk.write_back(&NAMES.path(directory, *number));
        }
        Ok(())
    }

    /// Removes every segment before the one that is being written. A snapshot of all they hold must be durable.
    pub(crate) fn remove_older_than(disk: &dyn Disk, directory: &Path, number: u64) -> io::Result<()> {
        for old in NAMES.list(disk, directory)?.into_iter().filter(|old| *old < number) {
            disk.remove(&NAMES.path(directory, old))?;
        }
        disk.sync_directory(directory)
    }
}

fn begin_segment(disk: &dyn Disk, directory: &Path, header: SegmentHeader) -> io::Result<Box<dyn DiskFile>> {
    let path = NAMES.path(directory, header.number);
    // Left over from an attempt that failed before the segment held anything.
    disk.remove(&path)?;
    let mut file = disk.create(&path)?;
    file.append(&header.encode())?;
    file.sync()?;
    disk.sync_directory(directory)?;
    Ok(file)
}

/// Stands in place of a segment that could not be begun.
#[derive(Debug)]
struct NoFile;

impl NoFile {
    fn error() -> io::Error {
        io::Error::other("no segment could be begun")
    }
}

impl DiskFile for NoFile {
    fn append(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Err(NoFile::error())
    }

    fn sync(&mut self) -> io::Result<()> {
        Err(NoFile::error())
    }

    fn is_at(&self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }
}
