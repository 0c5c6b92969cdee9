//! The one true state: a handle that takes [`Write`]s and shows what they made.
//!
//! Order: writes are applied in the order in which they reached the queue; there is one writer. Atomicity: a write happens
//! whole or not at all, also over a crash (under [`Mode::Each`](crate::write::Mode::Each), that is what was not refused of
//! it); a reader may see a part of a batch for a moment. Durability: an answer is given
//! after the write is as durable as the [mode](crate::config::Durability) promises; a reader may see it earlier.
//! Cancellation: dropping the future of [`Store::submit`] does not take the write back.

mod accept;
mod command;
mod decide;
mod examine;
mod files;
mod metrics;
mod open;
mod snapshotter;
mod status;
mod sync;
#[cfg(test)]
mod tests;
pub(crate) mod view;
mod writer;

use std::sync::{
    Arc, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
    mpsc::TrySendError,
};

pub(crate) use accept::{AcceptError, accept};
pub(crate) use examine::{Examined, SnapshotRead, examine};
pub(crate) use files::SnapshotTaken;
pub(crate) use open::{OpenError, Opened, Settings};
pub(crate) use snapshotter::SnapshotError;
pub(crate) use status::Status;

use crate::write::{Outcome, Unavailable, Write};
use command::{Command, Job, QueueTicket};
use sync::{Mutex, SyncSender, oneshot};
use view::View;

/// The store. Cheap to clone; all clones are one store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: SyncSender<Command>,
    view: View,
    status: Arc<Status>,
    stopping: AtomicBool,
    queue_bytes: Arc<AtomicU64>,
    queue_bytes_max: u64,
    snapshotter: snapshotter::Snapshotter,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Store {
    /// Puts a write on the queue and waits for what becomes of it.
    pub(crate) async fn submit(&self, write: Write<'static>) -> Outcome {
        let shared = &*self.shared;
        if shared.stopping.load(Ordering::Acquire) {
            return Outcome::Unavailable(Unavailable::Stopping);
        }
        let record = write.encode();
        let (reply, answer) = oneshot::channel();
        let Some(ticket) = QueueTicket::take(&shared.queue_bytes, record.len() as u64, shared.queue_bytes_max) else {
            shared.status.queue_full();
            return Outcome::Unavailable(Unavailable::QueueFull);
        };
        match shared.queue.try_send(Command::Write(Job {
            write,
            record,
            reply,
            _ticket: ticket,
        })) {
            // A writer that is gone without an answer took the write with it, or applied it: nobody knows.
            Ok(()) => answer.await.map_or(Outcome::Unknown, |answer| answer.outcome),
            Err(TrySendError::Full(_)) => {
                shared.status.queue_full();
                Outcome::Unavailable(Unavailable::QueueFull)
            }
            Err(TrySendError::Disconnected(_)) => Outcome::Unavailable(Unavailable::Stopping),
        }
    }

    /// What the store holds, for readers.
    pub(crate) fn view(&self) -> &View {
        &self.shared.view
    }

    /// How the store is doing.
    pub(crate) fn status(&self) -> &Status {
        &self.shared.status
    }

    /// Writes a snapshot. Blocks the thread until it is durable; one at a time.
    pub(crate) fn snapshot(&self) -> Result<SnapshotTaken, SnapshotError> {
        self.shared.snapshotter.take(&self.shared.queue)
    }

    /// Has the writer see that its files are still where they should be; if not, the hub is read-only until it has written
    /// them anew. To be called now and then: every write looks too, but there may be none.
    pub(crate) fn verify_files(&self) {
        // A full queue is being written, and so looked after.
        let _ = self.shared.queue.try_send(Command::VerifyFiles);
    }

    /// Takes no more writes, finishes those that wait, writes a last snapshot if anything changed. Blocks the thread.
    pub(crate) fn close(&self) -> Result<(), SnapshotError> {
        self.shared.stopping.store(true, Ordering::Release);
        // A write that passed the check above before and is still on its way comes behind this, and is turned away: under
        // `snapshot` it would be acknowledged and not be in the last snapshot.
        let _ = self.shared.queue.send(Command::Close);
        let changed =
            self.status().sequence() != self.status().snapshot_position() || self.shared.snapshotter.has_clients();
        let result = if changed { self.snapshot().map(drop) } else { Ok(()) };
        let _ = self.shared.queue.send(Command::Stop);
        let writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the writer panicked");
        }
        result
    }
}
