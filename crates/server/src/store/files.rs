//! The files of a state, snapshot and journal, for those who write them: the snapshotter, and the writer when it comes back.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, TryLockError},
};

use nexus_segments::{Disk, files::directory_of};
use tokio::time::Instant;

use super::sync::Mutex;
use crate::{
    clients::Clients,
    clock::now_ms,
    journal::Journal,
    snapshot::{self, StandsFor},
    state::Catalog,
};

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

impl Files {
    /// Writes a snapshot and puts it in place, with nobody writing meanwhile; `None` if another one is being written.
    pub(super) fn try_write_snapshot(
        &self,
        catalog: &Catalog,
        stands_for: StandsFor,
    ) -> Option<io::Result<SnapshotTaken>> {
        let _guard = match self.one_at_a_time.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        // It may have been removed.
        if let Err(error) = self.disk.create_directory(directory_of(&self.snapshot)) {
            return Some(Err(error));
        }
        Some(self.write_snapshot(catalog, stands_for, || Ok(())))
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
        stands_for: StandsFor,
        before_commit: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<SnapshotTaken> {
        let began = Instant::now();
        let snapshot = snapshot::begin(
            self.disk.clone(),
            &self.snapshot,
            catalog,
            stands_for,
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
            position: stands_for.position,
            bytes,
            took_ms,
        })
    }
}
