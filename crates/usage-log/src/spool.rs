//! Records on disk, on their way to the sink: numbered segments of frames, each frame with a checksum.
//!
//! One thread appends ([`Appender`]), another one reads behind it and removes what is stored ([`Follower`]). What an
//! earlier process left is read first ([`recovery`]).

mod appender;
mod codec;
mod follower;
mod frame;
mod recovery;
mod segment;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nexus_segments::{Held, SharedDisk};

pub(crate) use appender::{AppendError, Appender};
pub(crate) use follower::Follower;
use segment::NAMES;

use crate::{id::WriterId, settings::Spill, sink::Gap};

/// What both ends know.
#[derive(Debug)]
pub(crate) struct Spool {
    disk: Arc<dyn SharedDisk>,
    directory: PathBuf,
    bytes_max: u64,
    segment_bytes_max: u64,
    segments: Mutex<Segments>,
    _lock: Held,
}

#[derive(Debug, Default)]
struct Segments {
    /// The oldest first; the appender writes into the last one, unless that is sealed.
    list: VecDeque<SegmentState>,
    bytes: u64,
    /// How many records have not been read yet.
    unread: u64,
    /// The last segment with a frame of this process, which tells how far its numbers went: it stays until there is a later
    /// one, or nothing is missing.
    last: Option<u64>,
}

#[derive(Debug, Clone)]
struct SegmentState {
    number: u64,
    writer: WriterId,
    /// How far it holds whole frames.
    bytes: u64,
    /// How many records those have.
    records: u64,
    /// Nothing more will come.
    is_sealed: bool,
    /// How far it is known to survive the loss of power.
    synced_bytes: u64,
    /// A sync of it has failed: nothing more goes into it.
    is_given_up: bool,
}

impl SegmentState {
    fn is_dirty(&self) -> bool {
        self.synced_bytes < self.bytes && !self.is_given_up
    }
}

/// A spool, and what was in it.
#[derive(Debug)]
pub(crate) struct OpenedSpool {
    pub(crate) spool: Arc<Spool>,
    pub(crate) appender: Appender,
    pub(crate) follower: Follower,
    /// How many records an earlier process left.
    pub(crate) recovered: u64,
    /// What it may have lost.
    pub(crate) gaps: Vec<Gap>,
}

impl Spool {
    pub(crate) fn open(
        disk: Arc<dyn SharedDisk>,
        settings: &Spill,
        writer: WriterId,
        queue_records_max: usize,
    ) -> io::Result<OpenedSpool> {
        disk.create_directory(&settings.directory)?;
        let lock = disk.try_lock(&settings.directory.join("lock"))?;
        let found = recovery::scan(&*disk, &settings.directory)?;
        let next = found.segments.back().map_or(1, |last| last.number + 1);
        let bytes = found.segments.iter().map(|segment| segment.bytes).sum();
        let spool = Arc::new(Spool {
            disk,
            directory: settings.directory.clone(),
            bytes_max: settings.bytes_max,
            segment_bytes_max: settings.segment_bytes_max.min(settings.bytes_max / 4),
            segments: Mutex::new(Segments {
                list: found.segments,
                bytes,
                unread: found.records,
                last: None,
            }),
            _lock: lock,
        });
        Ok(OpenedSpool {
            appender: Appender::new(spool.clone(), writer, next, queue_records_max as u64),
            follower: Follower::new(spool.clone()),
            spool,
            recovered: found.records,
            gaps: found.gaps,
        })
    }

    /// How many records have not been read yet.
    pub(crate) fn unread(&self) -> u64 {
        self.lock().unread
    }

    /// Makes what is written survive the loss of power. Of a segment whose sync has failed nothing is known from then on: it is
    /// not synced again, and what it holds is safe only once it is stored.
    ///
    /// # Errors
    /// The first one; the other segments are synced nevertheless.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let dirty: Vec<SegmentState> = self
            .lock()
            .list
            .iter()
            .filter(|segment| segment.is_dirty())
            .cloned()
            .collect();
        if dirty.is_empty() {
            return Ok(());
        }
        self.disk.sync_directory(&self.directory)?;
        let synced: Vec<io::Result<()>> = dirty.iter().map(|segment| self.sync_segment(segment)).collect();
        synced.into_iter().collect()
    }

    fn sync_segment(&self, segment: &SegmentState) -> io::Result<()> {
        let synced = match self.disk.sync_file(&NAMES.path(&self.directory, segment.number)) {
            // It is stored, and gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            synced => synced,
        };
        let mut segments = self.lock();
        if let Some(state) = segments.list.iter_mut().find(|state| state.number == segment.number) {
            match synced {
                Ok(()) => state.synced_bytes = segment.bytes,
                Err(_) => state.is_given_up = true,
            }
        }
        synced
    }

    fn lock(&self) -> MutexGuard<'_, Segments> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
