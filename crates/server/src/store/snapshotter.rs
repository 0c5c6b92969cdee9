use std::{
    io,
    path::PathBuf,
    sync::{Arc, PoisonError, TryLockError},
};

use nexus_segments::{Disk, files::directory_of};
use tokio::time::Instant;

use super::{
    status::Status,
    sync::{Mutex, MutexGuard, SyncSender, oneshot},
    writer::{Begun, Command},
};
use crate::state::Catalog;
use crate::{clients::Clients, clock::now_ms, journal::Journal, snapshot};

/// Where snapshot and journal are, and who may write a snapshot at a time.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) snapshot: PathBuf,
    pub(super) journal: PathBuf,
    pub(super) clients: Clients,
    pub(super) one_at_a_time: Mutex<()>,
}

/// A snapshot that is in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotTaken {
    /// The position that it stands for.
    pub(crate) position: u64,
    pub(crate) bytes: u64,
    pub(crate) took_ms: u64,
}

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

impl Files {
    /// Writes a snapshot and puts it in place, with nobody writing meanwhile; `None` if another one is being written.
    pub(super) fn try_write_snapshot(&self, catalog: &Catalog, position: u64) -> Option<io::Result<SnapshotTaken>> {
        let _guard = match self.one_at_a_time.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        // It may have been removed.
        if let Err(error) = self.disk.create_directory(directory_of(&self.snapshot)) {
            return Some(Err(error));
        }
        Some(self.write_snapshot(catalog, position, || Ok(())))
    }

    /// Fails if there should be a snapshot and it was removed.
    pub(super) fn must_be_in_place(&self, needs_snapshot: bool) -> io::Result<()> {
        if !needs_snapshot || self.disk.is_there(&self.snapshot)? {
            return Ok(());
        }
        let gone = format!("{} is not there any more", self.snapshot.display());
        Err(io::Error::new(io::ErrorKind::NotFound, gone))
    }

    /// Removes segments that a durable snapshot has made needless. Those that cannot be removed only take room.
    pub(super) fn remove_segments_before(&self, number: u64) {
        if let Err(error) = Journal::remove_older_than(&*self.disk, &self.journal, number) {
            tracing::warn!(%error, directory = %self.journal.display(), "cannot remove old journal segments");
        }
    }

    /// `before_commit` must make durable whatever newer changes the snapshot may hold.
    pub(super) fn write_snapshot(
        &self,
        catalog: &Catalog,
        position: u64,
        before_commit: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<SnapshotTaken> {
        let began = Instant::now();
        let snapshot = snapshot::begin(
            self.disk.clone(),
            &self.snapshot,
            catalog,
            position,
            now_ms(),
            &self.clients.seen(),
        )?;
        let bytes = snapshot.bytes;
        if let Err(error) = before_commit() {
            snapshot.discard();
            return Err(error);
        }
        snapshot.commit()?;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(SnapshotTaken {
            position,
            bytes,
            took_ms,
        })
    }
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
        let Begun { position, segment } = ask(queue, Command::BeginSnapshot)?.map_err(io_error)?;
        let sync = || {
            self.write_back();
            ask(queue, Command::Sync).unwrap_or_else(|error| Err(io::Error::other(error.to_string())))
        };
        let taken = self
            .files
            .write_snapshot(&self.catalog, position, sync)
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
