//! Writes snapshots while the writer goes on.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, PoisonError},
};

use super::{
    command::{Begun, Command},
    files::{Files, SnapshotTaken},
    status::Status,
    sync::{MutexGuard, SyncSender, oneshot},
};
use crate::{clock::now_ms, journal::Journal, snapshot::StandsFor, state::Catalog};

/// Why there is no snapshot; the one before it is still there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("cannot write the snapshot {file}: {source}", file = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
    #[error("the writer is gone")]
    NoWriter,
}

/// Writes snapshots while the writer goes on.
#[derive(Debug)]
pub(super) struct Snapshotter {
    pub(super) files: Arc<Files>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) status: Arc<Status>,
}

impl Snapshotter {
    pub(super) fn has_clients(&self) -> bool {
        !self.files.clients.seen().is_empty()
    }

    /// Writes a snapshot that stands for the position at which the writer begins a new segment; then removes the segments
    /// that it makes needless.
    pub(super) fn take(&self, queue: &SyncSender<Command>) -> Result<SnapshotTaken, SnapshotError> {
        let _guard: MutexGuard<'_, ()> = self.files.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.take_alone(queue);
        let _ = queue.send(Command::EndSnapshot);
        match &taken {
            Ok(taken) => self
                .status
                .snapshot_taken(taken.position, now_ms(), taken.took_ms, taken.bytes),
            Err(_) => self.status.snapshot_failed(),
        }
        taken
    }

    fn take_alone(&self, queue: &SyncSender<Command>) -> Result<SnapshotTaken, SnapshotError> {
        let io_error = |error| SnapshotError::Io(self.files.snapshot.clone(), error);
        self.write_back();
        let Begun {
            position,
            segment,
            joint,
        } = ask(queue, Command::BeginSnapshot)?.map_err(io_error)?;
        // Here, not by the writer, whom everybody waits for.
        Journal::mark_newest(&*self.files.disk, &self.files.journal, segment, joint.next).map_err(io_error)?;
        let sync = || {
            self.write_back();
            ask(queue, Command::Sync).unwrap_or_else(|error| Err(io::Error::other(error.to_string())))
        };
        let stands_for = StandsFor {
            position,
            joint: Some(joint),
        };
        let taken = self
            .files
            .write_snapshot(&self.catalog, stands_for, sync)
            .map_err(io_error)?;
        self.files.remove_segments_before(segment);
        Ok(taken)
    }

    /// So that the writer, whom everybody waits for, has little left to sync.
    fn write_back(&self) {
        // Whatever is wrong with the journal, the writer finds it, and says it.
        drop(Journal::write_back(&*self.files.disk, &self.files.journal));
    }
}

fn ask<T>(
    queue: &SyncSender<Command>,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, SnapshotError> {
    let (reply, answer) = oneshot::channel();
    queue.send(command(reply)).map_err(|_| SnapshotError::NoWriter)?;
    answer.blocking_recv().map_err(|_| SnapshotError::NoWriter)
}
