//! The segments of a journal, by their names and headers, before any frame is read.

use std::path::{Path, PathBuf};

use nexus_segments::Disk;

use super::{JournalError, promises};
use crate::{
    damage::Tolerance,
    journal::{
        newest::{self, Newest},
        segment::{self, HeaderError, NAMES, SegmentHeader, SegmentId},
    },
};

/// What was read of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentRead {
    pub(crate) file: PathBuf,
    pub(crate) number: u64,
    pub(crate) header: Result<SegmentHeader, HeaderError>,
    /// Where its frames begin.
    pub(super) frames_at: usize,
    /// How much of it is newer than the snapshot and sound.
    pub(crate) frames: u64,
    pub(crate) writes: u64,
    /// The first and the last sequence of those frames.
    pub(crate) changes: Option<(u64, u64)>,
    /// Whether it was read at all: what the snapshot stands for is not needed.
    pub(crate) needed: bool,
}

impl SegmentRead {
    /// Whether somebody was promised what it holds.
    pub(crate) fn promises(&self) -> bool {
        self.header.is_ok_and(promises)
    }
}

/// All of them.
pub(super) struct Segments {
    directory: PathBuf,
    pub(super) list: Vec<SegmentRead>,
    newest: newest::Found,
}

impl SegmentRead {
    fn open(disk: &dyn Disk, directory: &Path, number: u64) -> Result<Self, JournalError> {
        let file = NAMES.path(directory, number);
        let read = disk.open(&file).and_then(|mut file| segment::read(&mut file));
        let (header, frames_at) = read.map_err(|error| JournalError::Io(file.clone(), error))?;
        Ok(SegmentRead {
            file,
            number,
            header,
            frames_at,
            frames: 0,
            writes: 0,
            changes: None,
            needed: false,
        })
    }

    fn id(&self) -> Option<SegmentId> {
        Some(self.header.ok()?.link?.id)
    }

    /// The number in its header, if that is another one than in its name.
    fn misnamed(&self) -> Option<u64> {
        let number = self.header.ok()?.number;
        (number != self.number).then_some(number)
    }
}

impl Segments {
    pub(super) fn open(disk: &dyn Disk, directory: &Path) -> Result<Self, JournalError> {
        let io_error = |error| JournalError::Io(directory.to_owned(), error);
        // First, since a hub that runs may begin a segment meanwhile.
        let newest = newest::read(disk, directory).map_err(io_error)?;
        let numbers = NAMES.list(disk, directory).map_err(io_error)?;
        let list = numbers
            .into_iter()
            .map(|number| SegmentRead::open(disk, directory, number));
        Ok(Segments {
            directory: directory.to_owned(),
            list: list.collect::<Result<_, _>>()?,
            newest,
        })
    }

    /// Says what is wrong with headers and names. If reading goes on, what has the name of another is read in its own place.
    pub(super) fn verify(&mut self, damage: &mut Tolerance<JournalError>) -> Result<(), JournalError> {
        for found in &self.list {
            match found.header {
                // A file that ends within its header was being made when the hub ended: nothing was ever in it.
                Ok(_) | Err(HeaderError::Short) => {}
                Err(error) => damage.meet(JournalError::Header(found.file.clone(), error))?,
            }
            if let Some(number) = found.misnamed() {
                let file = found.file.clone();
                damage.meet(JournalError::Misnamed { file, number })?;
            }
        }
        self.verify_newest(damage)?;
        self.list
            .sort_by_key(|found| (found.misnamed().unwrap_or(found.number), found.misnamed().is_some()));
        self.list
            .dedup_by(|next, found| next.id().is_some() && next.id() == found.id());
        Ok(())
    }

    /// The one that was begun last must be there.
    fn verify_newest(&self, damage: &mut Tolerance<JournalError>) -> Result<(), JournalError> {
        match self.newest {
            newest::Found::Damaged => damage.meet(JournalError::Newest(newest::path(&self.directory))),
            newest::Found::Segment(Newest { number, id })
                if !self.list.iter().any(|found| is_it(found, number, id)) =>
            {
                let file = NAMES.path(&self.directory, number);
                damage.meet(JournalError::Gone { file, number })
            }
            newest::Found::Segment(_) | newest::Found::None => Ok(()),
        }
    }

    /// The newest that is known to be durable.
    pub(super) fn newest_id(&self) -> Option<SegmentId> {
        match self.newest {
            newest::Found::Segment(newest) => Some(newest.id),
            newest::Found::None | newest::Found::Damaged => None,
        }
    }
}

/// Whether it is the one, as far as can be told: of a damaged header is said elsewhere that it is damaged.
fn is_it(found: &SegmentRead, number: u64, id: SegmentId) -> bool {
    match found.header {
        Ok(_) => found.id() == Some(id),
        Err(HeaderError::Short) => false,
        Err(_) => found.number == number,
    }
}

pub(super) fn next_number(segments: &[SegmentRead]) -> u64 {
    let numbers = segments.iter().map(|found| found.number);
    numbers.max().map_or(1, |last| last.saturating_add(1))
}
