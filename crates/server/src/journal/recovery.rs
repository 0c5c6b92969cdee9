//! Reads the journal back, and tells a tail that no one was promised from damage.
//!
//! Damage at or below a sequence that is known to be durable is corruption: refused, nothing is changed. Damage above it is
//! what a crash leaves of writes that nobody was told of: cut there, and reported. [`replay`] is what a start does, and
//! stops at the first damage; [`salvage`] takes the same way and goes on behind it.

mod chain;
mod error;
mod frames;
mod segments;

use std::path::{Path, PathBuf};

pub(crate) use chain::Follows;
use chain::{Chain, Standing};
pub(crate) use error::JournalError;
pub(crate) use segments::SegmentRead;
use segments::Segments;

use super::{
    SegmentId,
    frame::{self, FrameHeader, JournaledWrite},
    segment::{HeaderError, SegmentHeader},
};
use crate::{config::Durability, damage::Tolerance};
use frames::Found;
use nexus_segments::Disk;

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
    /// Whether a new segment can go on behind the snapshot as it is. If not, there must be a new snapshot first, which names
    /// the segment.
    pub(crate) joined: bool,
    /// The newest segment that is known to be durable.
    pub(crate) newest: Option<SegmentId>,
}

/// Bytes at the end of a segment that are not a sound frame and were promised to no one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) file: PathBuf,
    pub(crate) offset: u64,
    pub(crate) length: u64,
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
    follows: Follows,
    mut apply: impl FnMut(&FrameHeader, JournaledWrite<'_>),
) -> Result<Recovered, JournalError> {
    let position = Position::Certain(position, follows);
    Walk::over(disk, directory, position, &mut apply, &mut Tolerance::None)
}

/// What is known of the position that a snapshot stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// What is up to there is not needed, and this is what should follow.
    Certain(u64, Follows),
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
            (Position::Certain(position, _), _) => position,
            (Position::Uncertain(Some(position)), Some(begins)) => position.min(begins),
            (Position::Uncertain(position), begins) => position.or(begins).unwrap_or(0),
        }
    }

    fn follows(self) -> Follows {
        match self {
            Position::Certain(_, follows) => follows,
            Position::Uncertain(_) => Follows::Unknown,
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
    let segments = Segments::open(disk, directory)?.list;
    for found in &segments {
        if let Err(error) = found.header
            && error != HeaderError::Short
        {
            return Err(JournalError::Header(found.file.clone(), error));
        }
        if found.header.is_ok() && holds_any(disk, found)? {
            return Ok(None);
        }
    }
    Ok(Some(Recovered::nothing(position, segments)))
}

/// Whether there is a sound frame at the start of a segment.
fn holds_any(disk: &dyn Disk, found: &SegmentRead) -> Result<bool, JournalError> {
    let mut frames = frames::open(disk, &found.file, found.frames_at)?;
    Ok(frames::next(&mut frames, &found.file)?.is_some())
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
            next_number: segments::next_number(&segments),
            frames: 0,
            writes: 0,
            cut: Vec::new(),
            segments,
            joined: false,
            newest: None,
        }
    }
}

/// One way through all segments.
struct Walk<'a> {
    disk: &'a dyn Disk,
    recovered: Recovered,
    chain: Chain,
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
        let mut segments = Segments::open(disk, directory)?;
        // All headers before any frame: nothing is applied of a journal whose order is not known.
        segments.verify(damage)?;
        let newest = segments.newest_id();
        let mut segments = segments.list;
        let from = position.begin(&segments);
        let headers: Vec<_> = segments.iter().map(|segment| segment.header.ok()).collect();
        let sound: Vec<_> = headers.iter().copied().flatten().collect();
        let mut walk = Walk {
            disk,
            recovered: Recovered::nothing(from, Vec::new()),
            chain: Chain::behind(position.follows(), &sound),
            apply,
            damage,
        };
        for (place, found) in segments.iter_mut().enumerate() {
            let later = headers.iter().skip(place + 1).flatten();
            walk.segment(found, later.map(|next| next.after).min())?;
        }
        let Walk { recovered, chain, .. } = walk;
        Ok(Recovered {
            next_number: segments::next_number(&segments),
            segments,
            joined: chain.is_joined(),
            newest: newest.or(match position.follows() {
                Follows::Joint(joint) if chain.is_joined() => Some(joint.next),
                _ => None,
            }),
            ..recovered
        })
    }

    /// `end` is where a later segment goes on: what this one tells beyond it never was, or belongs to a history that a
    /// crash ended and whose sequences were used again.
    fn segment(&mut self, found: &mut SegmentRead, end: Option<u64>) -> Result<(), JournalError> {
        let header = match found.header {
            Err(HeaderError::Short) => return Ok(()),
            // Reading goes on, and nobody knows what was promised: take it for all.
            Err(_) => {
                self.chain.lose();
                return self.frames(found, true, end).map(drop);
            }
            Ok(header) => header,
        };
        let promises = promises(header);
        match self.chain.standing(&header) {
            Standing::Older => return Ok(()),
            Standing::Beside => return self.beside(found, header),
            Standing::Next | Standing::Unlinked if header.after > self.recovered.last => {
                if !promises {
                    self.chain.pass(&header, false);
                    return Ok(());
                }
                self.missing(&found.file, header.after)?;
                self.recovered.last = header.after;
            }
            Standing::Unlinked => return self.damage.meet(JournalError::Unlinked(found.file.clone())),
            Standing::Next => {}
        }
        let holds = if end.is_some_and(|end| end <= self.recovered.last) {
            holds_any(self.disk, found)?
        } else {
            self.frames(found, promises, end)?
        };
        self.chain.pass(&header, holds && promises);
        Ok(())
    }

    /// No segment goes on behind the snapshot. That may be, if the hub ended before it had begun one; but then it knew all
    /// that this one holds.
    fn beside(&mut self, found: &SegmentRead, header: SegmentHeader) -> Result<(), JournalError> {
        if !promises(header) {
            return Ok(());
        }
        let mut frames = frames::open(self.disk, &found.file, found.frames_at)?;
        let mut foreign = header.after > self.recovered.last;
        while let Some(frame) = frames::next(&mut frames, &found.file)? {
            foreign |= frame.header.last() > self.recovered.last || (header.link.is_some() && !self.chain.is_kin());
        }
        match foreign {
            true => self.damage.meet(JournalError::Foreign(found.file.clone())),
            false => Ok(()),
        }
    }

    /// Whether there was a sound frame at the start.
    fn frames(&mut self, found: &mut SegmentRead, promises: bool, end: Option<u64>) -> Result<bool, JournalError> {
        if end.is_some_and(|end| end <= self.recovered.last) {
            return Ok(false);
        }
        // Up to there the segment is known to have been durable when the next one began.
        let durable = end.filter(|_| promises).unwrap_or(0);
        found.needed = true;
        let mut frames = frames::open(self.disk, &found.file, found.frames_at)?;
        let mut holds = None;
        loop {
            while let Some(sound) = frames::next(&mut frames, &found.file)? {
                holds.get_or_insert(true);
                if end.is_some_and(|end| sound.header.last() > end) {
                    return Ok(true);
                }
                self.frame(found, &sound)?;
                if end == Some(self.recovered.last) {
                    return Ok(true);
                }
            }
            let holds = *holds.get_or_insert(false);
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
                return Ok(holds);
            }
            if gap.behind.is_empty() {
                return Ok(holds);
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
