//! How the store is doing.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// How the store is doing; written by the writer and the snapshotter, read by whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Status {
    sequence: AtomicU64,
    writes_applied: AtomicU64,
    writes_refused: AtomicU64,
    writes_unknown: AtomicU64,
    changes: AtomicU64,
    frames: AtomicU64,
    journal_bytes: AtomicU64,
    journal_errors: AtomicU64,
    queue_full: AtomicU64,
    replays: AtomicU64,
    keys_reused: AtomicU64,
    snapshots: AtomicU64,
    snapshot_errors: AtomicU64,
    snapshot_position: AtomicU64,
    snapshot_at_ms: AtomicU64,
    snapshot_ms: AtomicU64,
    snapshot_bytes: AtomicU64,
    read_only: Mutex<Option<String>>,
}

macro_rules! readings {
    ($($(#[$doc:meta])* $field:ident),* $(,)?) => {
        $($(#[$doc])* pub(crate) fn $field(&self) -> u64 { self.$field.load(Relaxed) })*
    };
}

impl Status {
    readings! {
        /// The sequence of the last change.
        sequence,
        writes_applied,
        writes_refused,
        writes_unknown,
        changes,
        frames,
        /// Bytes in the current segment.
        journal_bytes,
        journal_errors,
        /// Repeats that were answered as the first.
        replays,
        /// Idempotency keys that came with another request than the first.
        keys_reused,
        snapshots,
        snapshot_errors,
        /// The position that the last snapshot stands for.
        snapshot_position,
        snapshot_at_ms,
        /// How long the last snapshot took.
        snapshot_ms,
        snapshot_bytes,
    }

    /// How many writes were turned away because the queue was full.
    pub(crate) fn queue_full_total(&self) -> u64 {
        self.queue_full.load(Relaxed)
    }

    /// Why no writes are accepted, if so.
    pub(crate) fn read_only(&self) -> Option<String> {
        self.read_only.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_read_only(&self, reason: Option<String>) {
        if reason.is_some() {
            self.journal_errors.fetch_add(1, Relaxed);
        }
        *self.read_only.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    pub(super) fn set_sequence(&self, sequence: u64) {
        self.sequence.store(sequence, Relaxed);
    }

    pub(super) fn applied(&self, changes: u64) {
        self.writes_applied.fetch_add(1, Relaxed);
        self.changes.fetch_add(changes, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.writes_refused.fetch_add(1, Relaxed);
    }

    pub(super) fn unknown(&self, writes: u64) {
        self.writes_unknown.fetch_add(writes, Relaxed);
    }

    pub(super) fn framed(&self, journal_bytes: u64) {
        self.frames.fetch_add(1, Relaxed);
        self.journal_bytes.store(journal_bytes, Relaxed);
    }

    pub(super) fn rotated(&self) {
        self.journal_bytes.store(0, Relaxed);
    }

    pub(super) fn replayed(&self) {
        self.replays.fetch_add(1, Relaxed);
    }

    pub(super) fn key_reused(&self) {
        self.keys_reused.fetch_add(1, Relaxed);
    }

    pub(super) fn queue_full(&self) {
        self.queue_full.fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot_taken(&self, position: u64, at_ms: u64, took_ms: u64, bytes: u64) {
        self.snapshots.fetch_add(1, Relaxed);
        self.snapshot_loaded(position, at_ms);
        self.snapshot_ms.store(took_ms, Relaxed);
        self.snapshot_bytes.store(bytes, Relaxed);
    }

    pub(super) fn snapshot_loaded(&self, position: u64, at_ms: u64) {
        self.snapshot_position.store(position, Relaxed);
        self.snapshot_at_ms.store(at_ms, Relaxed);
    }

    pub(super) fn snapshot_failed(&self) {
        self.snapshot_errors.fetch_add(1, Relaxed);
    }
}
