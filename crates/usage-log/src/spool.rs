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
mod varint;

use std::{
    collections::VecDeque,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(crate) use appender::{AppendError, Appender};
pub(crate) use follower::Follower;

use crate::{id::WriterId, settings::Spill, sink::Gap};

/// What both ends know.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    bytes_max: u64,
    segment_bytes_max: u64,
    segments: Mutex<Segments>,
    _lock: File,
}

#[derive(Debug, Default)]
struct Segments {
    /// The oldest first; the appender writes into the last one, unless that is sealed.
    list: VecDeque<SegmentState>,
    bytes: u64,
    /// How many records have not been read yet.
    unread: u64,
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
    /// To sync what is written; none if an earlier process wrote it.
    file: Option<Arc<File>>,
    synced_bytes: u64,
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
    pub(crate) fn open(settings: &Spill, writer: WriterId, queue_records_max: usize) -> io::Result<OpenedSpool> {
        std::fs::create_dir_all(&settings.directory)?;
        let lock = lock(&settings.directory)?;
        let found = recovery::scan(&settings.directory)?;
        let next = found.segments.back().map_or(1, |last| last.number + 1);
        let bytes = found.segments.iter().map(|segment| segment.bytes).sum();
        let spool = Arc::new(Spool {
            directory: settings.directory.clone(),
            bytes_max: settings.bytes_max,
            segment_bytes_max: settings.segment_bytes_max.min(settings.bytes_max / 4),
            segments: Mutex::new(Segments {
                list: found.segments,
                bytes,
                unread: found.records,
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

    /// Makes what is written survive the loss of power.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let dirty: Vec<SegmentState> = self
            .lock()
            .list
            .iter()
            .filter(|segment| segment.synced_bytes < segment.bytes)
            .cloned()
            .collect();
        if !dirty.is_empty() {
            File::open(&self.directory)?.sync_all()?;
        }
        for segment in dirty {
            if let Some(file) = &segment.file {
                file.sync_data()?;
            }
            let mut segments = self.lock();
            if let Some(state) = segments.list.iter_mut().find(|state| state.number == segment.number) {
                state.synced_bytes = segment.bytes;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Segments> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(directory: &Path) -> io::Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("lock"))?;
    file.try_lock()?;
    Ok(file)
}
