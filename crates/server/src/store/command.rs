//! What stands in the writer's queue.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

#[cfg(test)]
use super::sync::Receiver;
use super::sync::oneshot;
use crate::{
    journal::Joint,
    write::{Outcome, Write},
};

/// A write on its way, with its journal record and the place where its submitter waits.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) write: Write<'static>,
    pub(super) record: Vec<u8>,
    pub(super) reply: oneshot::Sender<Answer>,
    pub(super) _ticket: QueueTicket,
}

/// What became of a write, and what is left of it: whoever allocated it frees it, which costs the allocator less than if
/// another thread does, and costs the one writer nothing.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) _spent: (Write<'static>, Vec<u8>),
}

/// What the writer can be asked.
#[derive(Debug)]
pub(super) enum Command {
    Write(Job),
    /// Begin a new segment; the answer is the position that a snapshot from now on stands for, and the segment's number.
    BeginSnapshot(oneshot::Sender<io::Result<Begun>>),
    /// Make everything that readers can see durable in the journal, in every mode.
    Sync(oneshot::Sender<io::Result<()>>),
    /// The snapshot is in its place, or was given up.
    EndSnapshot,
    /// Take no more writes.
    Close,
    /// See that the files are still where they should be.
    VerifyFiles,
    /// Wait until this is dropped, so that the writes behind it become one group.
    #[cfg(test)]
    Hold(Receiver<()>),
    Stop,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    pub(super) position: u64,
    pub(super) segment: u64,
    pub(super) joint: Joint,
}

/// A share of the bytes that may wait in the queue, given back when it is dropped.
#[derive(Debug)]
pub(super) struct QueueTicket {
    bytes: u64,
    queue_bytes: Arc<AtomicU64>,
}

impl QueueTicket {
    /// A write that is larger than the whole queue may wait alone.
    pub(super) fn take(queue_bytes: &Arc<AtomicU64>, bytes: u64, max: u64) -> Option<Self> {
        let taken = queue_bytes.fetch_add(bytes, Ordering::Relaxed);
        let ticket = QueueTicket {
            bytes,
            queue_bytes: queue_bytes.clone(),
        };
        (taken == 0 || taken + bytes <= max).then_some(ticket)
    }
}

impl Drop for QueueTicket {
    fn drop(&mut self) {
        self.queue_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
