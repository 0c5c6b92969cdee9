//! Reads the journal back, and tells a tail that no one was promised from damage.
//!
//! Damage at or below a sequence that is known to be durable is corruption: refused, nothing is changed. Damage above it is
//! what a crash leaves of writes that nobody was told of: cut there, and reported. [`replay`] is what a start does, and
//! stops at the first damage; [`salvage`] takes the same way and goes on behind it.

mod error;
mod frames;

use std::path::{Path, PathBuf};

pub(crate) use error::JournalError;

use super::{
    frame::{self, FrameHeader, JournaledWrite},
    segment::{HeaderError, NAMES, SegmentHeader},
};
use crate::{config::Durability, damage::Tolerance};
use frames::Found;
use nexus_segments::{Disk, read_header};

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
    /// What each segment gave, by their numbers.
    pub(crate) segments: Vec<SegmentRead>,
}

/// Bytes at the end of a segment that are not a sound frame and were promised to no one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) file: PathBuf,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// What was read of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentRead {
    pub(crate) file: PathBuf,
    pub(crate) number: u64,
    pub(crate) header: Result<SegmentHeader, HeaderError>,
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

/// Under `snapshot` a segment tells only what happened while a snapshot was written; without that snapshot it says nothing.
fn promises(header: SegmentHeader) -> bool {
    header.durability != Durability::Snapshot
}

/// Reads all that happened after `position` and hands it to `apply`, in order.
pub(crate) fn replay(
    disk: &dyn Disk,
    directory: &Path,
    position: u64,
    mut apply: impl FnMut(&FrameHeader, JournaledWrite<'_>),
) -> Result<Recovered, JournalError> {
    let mut damage = Tolerance::None;
    Walk::over(disk, directory, Position::Certain(position), &mut apply, &mut damage)
}

/// What is known of the position that a snapshot stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// What is up to there is not needed.
    Certain(u64),
    /// It stands in a damaged snapshot, if it stands there: all is read from where the journal begins, if that is before.
    /// That does no harm, since each series knows its own sequence.
    Uncertain(Option<u64>),
}

impl Position {
    fn begin(self, segments: &[SegmentRead]) -> u64 {
        let begins = segments
            .iter()
            .find_map(|segment| segment.header.ok())
            .map(|header| header.after);
        match (self, begins) {
            (Position::Certain(position), _) => position,
            (Position::Uncertain(Some(position)), Some(begins)) => position.min(begins),
            (Position::Uncertain(position), begins) => position.or(begins).unwrap_or(0),
        }
    }
}

/// The same with all that is sound behind damage. What is wrong goes to `damage`, unless nothing can be read at all.
pub(crate) fn salvage(
    disk: &dyn Disk,
    directory: &Path,
    position: Position,
    damage: &mut Tolerance<JournalError>,
    mut apply: impl FnMut(&FrameHeader, JournaledWrite<'_>),
) -> Result<Recovered, JournalError> {
    Walk::over(disk, directory, position, &mut apply, damage)
}

/// What is there if the journal tells of no write, for a state at `position`; `None` if it does.
pub(crate) fn empty(disk: &dyn Disk, directory: &Path, position: u64) -> Result<Option<Recovered>, JournalError> {
    let segments = open_all(disk, directory)?;
    for found in &segments {
        if let Err(error) = found.header
            && error != HeaderError::Short
        {
            return Err(JournalError::Header(found.file.clone(), error));
        }
        if found.header.is_ok() && frames::next(&mut frames::open(disk, &found.file)?, &found.file)?.is_some() {
            return Ok(None);
        }
    }
    Ok(Some(Recovered::nothing(position, segments)))
}

/// A snapshot may hold changes behind its position, which were durable in the journal before it took its place. If the
/// journal ends before `newest`, the newest change of the snapshot, it has lost some. Without any segment, though, the
/// snapshot is a copy that was put back alone.
pub(crate) fn reaches(recovered: &Recovered, directory: &Path, newest: u64) -> Result<(), JournalError> {
    if recovered.segments.is_empty() || recovered.last >= newest {
        return Ok(());
    }
    let file = recovered.segments.last().map_or(directory, |last| &last.file);
    Err(JournalError::Ends {
        file: file.to_owned(),
        last: recovered.last,
        newest,
    })
}

impl Recovered {
    fn nothing(last: u64, segments: Vec<SegmentRead>) -> Self {
        Recovered {
            last,
            next_number: next_number(&segments),
            frames: 0,
            writes: 0,
            cut: Vec::new(),
            segments,
        }
    }
}

fn next_number(segments: &[SegmentRead]) -> u64 {
    segments.last().map_or(1, |last| last.number.saturating_add(1))
}

fn open_all(disk: &dyn Disk, directory: &Path) -> Result<Vec<SegmentRead>, JournalError> {
    let numbers = NAMES
        .list(disk, directory)
        .map_err(|error| JournalError::Io(directory.to_owned(), error))?;
    numbers
        .into_iter()
        .map(|number| SegmentRead::open(disk, directory, number))
        .collect()
}

impl SegmentRead {
    fn open(disk: &dyn Disk, directory: &Path, number: u64) -> Result<Self, JournalError> {
        let file = NAMES.path(directory, number);
        let read = disk.open(&file).and_then(|mut file| read_header(&mut file));
        let header = read.map_err(|error| JournalError::Io(file.clone(), error))?;
        Ok(SegmentRead {
            file,
            number,
            header: header.map_or(Err(HeaderError::Short), |header| SegmentHeader::decode(&header)),
            frames: 0,
            writes: 0,
            changes: None,
            needed: false,
        })
    }
}

/// One way through all segments.
struct Walk<'a> {
    disk: &'a dyn Disk,
    recovered: Recovered,
    apply: &'a mut dyn FnMut(&FrameHeader, JournaledWrite<'_>),
    damage: &'a mut Tolerance<JournalError>,
}

impl<'a> Walk<'a> {
    fn over(
        disk: &'a dyn Disk,
        directory: &Path,
        position: Position,
        apply: &'a mut dyn FnMut(&FrameHeader, JournaledWrite<'_>),
        damage: &'a mut Tolerance<JournalError>,
    ) -> Result<Recovered, JournalError> {
        let mut segments = open_all(disk, directory)?;
        // All headers before any frame: nothing is applied of a journal whose order is not known.
        for found in &segments {
            match found.header {
                // A file that ends within its header was being made when the hub ended: nothing was ever in it.
                Ok(_) | Err(HeaderError::Short) => {}
                Err(error) => damage.meet(JournalError::Header(found.file.clone(), error))?,
            }
        }
        let from = position.begin(&segments);
        let headers: Vec<_> = segments.iter().map(|segment| segment.header.ok()).collect();
        let mut walk = Walk {
            disk,
            recovered: Recovered::nothing(from, Vec::new()),
            apply,
            damage,
        };
        for (place, found) in segments.iter_mut().enumerate() {
            let later = headers.iter().skip(place + 1).flatten();
            walk.segment(found, later.map(|next| next.after).min())?;
        }
        let mut recovered = walk.recovered;
        recovered.next_number = next_number(&segments);
        recovered.segments = segments;
        Ok(recovered)
    }

    /// `end` is where a later segment goes on: what this one tells beyond it never was, or belongs to a history that a
    /// crash ended and whose sequences were used again.
    fn segment(&mut self, found: &mut SegmentRead, end: Option<u64>) -> Result<(), JournalError> {
        if found.header == Err(HeaderError::Short) {
            return Ok(());
        }
        // If the header is damaged and reading goes on, nobody knows what was promised: take it for all.
        let promises = found.header.is_ok_and(promises) || found.header.is_err();
        if let Ok(header) = found.header
            && header.after > self.recovered.last
        {
            if !promises {
                return Ok(());
            }
            self.missing(&found.file, header.after)?;
            self.recovered.last = header.after;
        }
        if end.is_some_and(|end| end <= self.recovered.last) {
            return Ok(());
        }
        // Up to there the segment is known to have been durable when the next one began.
        let durable = end.filter(|_| promises).unwrap_or(0);
        found.needed = true;
        let mut frames = frames::open(self.disk, &found.file)?;
        loop {
            while let Some(sound) = frames::next(&mut frames, &found.file)? {
                if end.is_some_and(|end| sound.header.last() > end) {
                    return Ok(());
                }
                self.frame(found, &sound)?;
                if end == Some(self.recovered.last) {
                    return Ok(());
                }
            }
            // The frames end here. Either that is all, or what follows is a tail, or it is damage.
            let gap = frames::skip_gap(&mut frames, &found.file)?;
            // The highest sequence that one of those behind knows to be durable.
            let synced = gap.behind.iter().map(|frame| frame.synced).max();
            let durable = durable.max(synced.filter(|_| promises).unwrap_or(0));
            let (file, sequence) = (found.file.clone(), self.recovered.last.saturating_add(1));
            if durable >= sequence {
                self.damage.meet(JournalError::Damaged {
                    file,
                    offset: gap.offset,
                    bytes: gap.length,
                    sequence,
                })?;
            } else if !gap.behind.is_empty() && self.damage.goes_on() {
                self.damage.meet(JournalError::Behind {
                    file,
                    offset: gap.offset,
                    bytes: gap.length,
                    frames: gap.behind.len() as u64,
                })?;
            } else if gap.rest > 0 {
                self.recovered.cut.push(Cut {
                    file,
                    offset: gap.offset,
                    length: gap.rest,
                });
                return Ok(());
            }
            if gap.behind.is_empty() {
                return Ok(());
            }
        }
    }

    fn frame(&mut self, found: &mut SegmentRead, sound: &Found<'_>) -> Result<(), JournalError> {
        let Found {
            offset,
            header: frame,
            payload,
            bytes,
        } = *sound;
        if frame.last() <= self.recovered.last {
            return Ok(());
        }
        let next = self.recovered.last.saturating_add(1);
        if frame.first > next {
            self.missing(&found.file, frame.first.saturating_sub(1))?;
        }
        if frame.first < next {
            self.damage.meet(JournalError::Straddles {
                file: found.file.clone(),
                offset,
                next,
                changes: (frame.first, frame.last()),
            })?;
        }
        match frame::writes(&frame, payload) {
            Ok(writes) => {
                found.frames += 1;
                found.writes += writes.len() as u64;
                found.changes = Some((found.changes.map_or(frame.first, |(first, _)| first), frame.last()));
                self.recovered.frames += 1;
                self.recovered.writes += writes.len() as u64;
                for write in writes {
                    (self.apply)(&frame, write);
                }
            }
            Err(error) => self.damage.meet(JournalError::Record {
                file: found.file.clone(),
                offset,
                bytes,
                changes: (frame.first, frame.last()),
                error,
            })?,
        }
        self.recovered.last = frame.last();
        Ok(())
    }

    /// What follows in the file continues after `to`, which was never reached.
    fn missing(&mut self, file: &Path, to: u64) -> Result<(), JournalError> {
        self.damage.meet(JournalError::Missing {
            file: file.to_owned(),
            from: self.recovered.last.saturating_add(1),
            to,
        })
    }
}
