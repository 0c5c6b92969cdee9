//! What happened since the last snapshot: numbered segments of frames, each frame with a checksum.
//!
//! `state/README.md` has the layout to the byte. [`Journal`] is the writing end; [`recovery`] reads.

pub(crate) mod frame;
mod newest;
pub(crate) mod recovery;
mod segment;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) use frame::{Frame, FrameHeader, JournaledWrite};
use newest::Newest;
#[cfg(test)]
pub(crate) use segment::HEADER_BYTES;
use segment::NAMES;
pub(crate) use segment::{Link, NoSegmentId, SegmentHeader, SegmentId};

use nexus_segments::{Disk, DiskFile};

use crate::config::Durability;

/// No sequence is beyond it: a century of a thousand million changes a second.
pub(crate) const SEQUENCE_MAX: u64 = 1 << 62;

/// Where a snapshot joins the journal: by this a journal is known that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joint {
    /// The segment that ended with the snapshot's position; none if there was none.
    pub(crate) before: Option<SegmentId>,
    /// The segment that goes on there, if it was ever begun.
    pub(crate) next: SegmentId,
}

/// The writing end of the journal. Belongs to the writer.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    durability: Durability,
    file: Box<dyn DiskFile>,
    number: u64,
    /// The segment that is being written; if none was begun yet, the one before it.
    id: Option<SegmentId>,
    /// The last sequence that was appended.
    appended: u64,
    /// The last sequence that is known to be durable.
    synced: u64,
    bytes: u64,
}

impl Journal {
    /// Begins the segment of this header. All up to its beginning is durable already.
    pub(crate) fn begin(disk: Arc<dyn Disk>, directory: &Path, header: SegmentHeader) -> io::Result<Self> {
        let mut journal = Journal::not_begun(disk, directory, header);
        journal.file = begin_segment(&*journal.disk, directory, header)?;
        if let Some(Link { id, .. }) = header.link {
            journal.id = Some(id);
            journal.take_note(id)?;
        }
        Ok(journal)
    }

    /// A journal that has no segment yet and fails until it is [abandoned](Journal::abandon) for one: the number of the
    /// header is not used.
    pub(crate) fn not_begun(disk: Arc<dyn Disk>, directory: &Path, header: SegmentHeader) -> Self {
        Journal {
            disk,
            directory: directory.to_owned(),
            durability: header.durability,
            file: Box::new(NoFile),
            number: header.number,
            id: header.link.and_then(|link| link.previous),
            appended: header.after,
            synced: header.after,
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

    /// Where a snapshot joins the journal behind which the segment `next` begins.
    pub(crate) fn joint(&self, next: SegmentId) -> Joint {
        Joint { before: self.id, next }
    }

    /// Ends the segment and begins the next one, which continues after sequence `after`. It must then be
    /// [marked](Journal::mark_newest), before older ones are removed.
    pub(crate) fn rotate(&mut self, after: u64, id: SegmentId) -> io::Result<()> {
        self.sync()?;
        self.file = self.begin_next(after, id)?;
        self.goes_on_in(after, id);
        Ok(())
    }

    /// Gives the segment up and begins the next one. All up to `after` must be durable in a snapshot, whatever is in the
    /// old segment: its descriptor is never synced again.
    pub(crate) fn abandon(&mut self, after: u64, id: SegmentId) -> io::Result<()> {
        self.disk.create_directory(&self.directory)?;
        let file = self.begin_next(after, id)?;
        self.take_note(id)?;
        self.file = file;
        self.goes_on_in(after, id);
        Ok(())
    }

    /// Notes durably that the segment was begun; if nothing says so yet, it goes again, since it only takes room.
    fn take_note(&self, id: SegmentId) -> io::Result<()> {
        let (disk, directory, number) = (&*self.disk, &self.directory, self.number);
        if let Err(error) = (Newest { number, id }).prepare(disk, directory) {
            let _ = disk.remove(&NAMES.path(directory, number));
            return Err(error);
        }
        newest::commit(disk, directory)
    }

    fn begin_next(&mut self, after: u64, id: SegmentId) -> io::Result<Box<dyn DiskFile>> {
        // Each attempt has a number of its own: the file `newest` may name the one of an attempt that failed.
        self.number += 1;
        let header = SegmentHeader {
            durability: self.durability,
            number: self.number,
            after,
            link: Some(Link { id, previous: self.id }),
        };
        begin_segment(&*self.disk, &self.directory, header)
    }

    fn goes_on_in(&mut self, after: u64, id: SegmentId) {
        self.id = Some(id);
        self.appended = after;
        self.synced = after;
        self.bytes = 0;
    }

    /// Takes note, durably, that a segment was begun, so that it is missed if it goes.
    pub(crate) fn mark_newest(disk: &dyn Disk, directory: &Path, number: u64, id: SegmentId) -> io::Result<()> {
        Newest { number, id }.write(disk, directory)
    }

    /// Removes all segments before `number`, of a journal that holds nothing that is needed.
    pub(crate) fn clear_before(disk: &dyn Disk, directory: &Path, number: u64) -> io::Result<()> {
        newest::forget(disk, directory)?;
        Journal::remove_older_than(disk, directory, number)
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
    let begun = disk.create(&path).and_then(|mut file| {
        file.append(&header.encode())?;
        file.sync()?;
        disk.sync_directory(directory)?;
        Ok(file)
    });
    if let Err(error) = &begun
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        // The disk may be full: do not let the attempt itself take the room.
        let _ = disk.remove(&path);
    }
    begun
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
