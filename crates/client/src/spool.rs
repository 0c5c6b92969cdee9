//! A directory that keeps what is to be counted until a hub has counted it, exactly once.
//!
//! ```text
//! DIR/                    0700, all files 0600
//!   open                  records as they are appended, one a line: CRC-32, blank, item
//!   KEY.sealing           what was `open`; being cut into batches
//!   batches/KEY.new       a request's body, one item a line, that was never sent
//!   batches/KEY.tried-…   the same, once it may have been sent: since when, and to whom
//!   refused/KEY.ndjson    what the hub will not have, each item with the reason
//!   uncertain/KEY….ndjson what may or may not have been counted, one item a line
//!   lock                  held by whoever delivers
//!   tried                 its time is that of the last delivery on the side
//! ```
//!
//! * **Append**: the record is written at the end of `open` under the file's lock, in one piece, and synced. A tail that is cut
//!   short was never acknowledged; the next append begins a line of its own, and the checksum tells the rest.
//! * **Seal**: `open` is renamed, which gives it a key that no other ever gets. It is cut into batches, increments of the
//!   same series become one item; then it is removed.
//! * **Deliver**: in the order of the keys. A batch is marked as tried before it is sent, under its key as the idempotency
//!   key, and removed when the hub has answered. Its bytes never change, so the hub knows each repeat as one.
//!
//! *Invariant:* what is made out of a file counts only once that file is gone. Whoever delivers begins by removing what
//! an interrupted predecessor made out of files that are still there ([`recover`]), and makes it again: so a crash between
//! any two steps neither loses nor doubles a record.

mod aside;
mod coalesce;
mod deliver;
mod error;
mod files;
mod key;
mod log;
mod recover;
mod seal;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::Duration};

use nexus_segments::{Held, RealDisk, SharedDisk};

pub(crate) use deliver::{Delivery, Report, Verdict};
pub(crate) use error::SpoolError;
use files::Files;
pub(crate) use files::Sync;
pub(crate) use key::Key;

/// How much of what a spool may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// What waits to be delivered, and as much again of what was put aside.
    pub(crate) bytes_max: u64,
    /// Items of one batch; below `limits.changes_per_request_max` of the hub.
    pub(crate) batch_items_max: usize,
    /// Bytes of one batch; below `limits.body_bytes_max` of the hub.
    pub(crate) batch_bytes_max: usize,
    /// How long the hub knows an idempotency key (`idempotency.retention`).
    pub(crate) retention: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes_max: 64 << 20,
            batch_items_max: 10_000,
            batch_bytes_max: 4 << 20,
            retention: Duration::from_secs(24 * 3600),
        }
    }
}

/// A spool on the disk. Any number of processes may have one open on the same directory.
#[derive(Debug)]
pub(crate) struct Spool {
    files: Files,
    limits: Limits,
}

/// The right to deliver, which one process has at a time; given back when it is dropped, however the process ends.
#[derive(Debug)]
pub(crate) struct Turn<'s> {
    spool: &'s Spool,
    _lock: Held,
}

impl Spool {
    /// Opens the spool in `directory`, which is made if it is missing, for its owner alone.
    ///
    /// # Errors
    /// It cannot be made or looked at; others may write to it.
    pub(crate) fn open(directory: &Path, limits: Limits) -> Result<Self, SpoolError> {
        let spool = Self::open_on(Arc::new(RealDisk), directory, limits)?;
        files::must_not_be_writable(directory)?;
        Ok(spool)
    }

    fn open_on(disk: Arc<dyn SharedDisk>, directory: &Path, limits: Limits) -> Result<Self, SpoolError> {
        let files = Files::open(disk, directory)?;
        Ok(Spool { files, limits })
    }

    /// Appends items, all in one piece; each is one line of JSON. When this returns, they are kept as `sync` says, and will
    /// be delivered after all that was appended before.
    ///
    /// # Errors
    /// The spool is full, or the disk failed; then nothing was appended, unless it was the sync that failed: then it may have
    /// been.
    pub(crate) fn append(&self, items: &[String], sync: Sync) -> Result<(), SpoolError> {
        log::append(&self.files, &self.limits, items, sync)
    }

    /// Takes the right to deliver, if nobody has it.
    ///
    /// # Errors
    /// The disk failed.
    pub(crate) fn turn(&self) -> Result<Option<Turn<'_>>, SpoolError> {
        let lock = self.files.take_turn()?;
        Ok(lock.map(|lock| Turn {
            spool: self,
            _lock: lock,
        }))
    }

    /// Whether the last delivery on the side began at least this long ago; the first time it did not.
    ///
    /// # Errors
    /// The disk failed.
    pub(crate) fn is_due(&self, interval: Duration) -> Result<bool, SpoolError> {
        self.files.is_due(interval)
    }
}
