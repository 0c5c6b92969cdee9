//! The handle.

use std::{sync::Arc, time::Duration};

use nexus_segments::RealDisk;
use tokio::sync::oneshot;

use crate::{
    counts::Counts,
    error::{StartError, StoreError},
    id::{Event, EventOutcome, WriterId},
    record::Record,
    settings::{Overflow, Settings},
    shared::{Ledger, PendingEvents, Shared},
    sink::{Gap, Sink},
    spool::Spool,
    spooler::Spooler,
    writer::{Backlog, Writer},
};

/// A usage log: takes records, and has them stored in batches by a thread of its own. Cheap to clone; all clones are one
/// log.
///
/// Order: records are stored about in the order in which they came. Durability: under [`Overflow::Spill`] a record
/// survives a kill -9 one [`checkpoint_interval`](crate::Spill::checkpoint_interval) after it came, otherwise when its
/// batch is stored; an event that is answered is as durable as the sink makes it. What waits when the last clone is dropped
/// without [`UsageLog::close`] goes on being stored until the process ends.
#[derive(Debug, Clone)]
pub struct UsageLog {
    shared: Arc<Shared>,
}

impl UsageLog {
    /// Opens a log that stores into `sink`, first of all what an earlier process left on disk.
    ///
    /// # Errors
    /// The spool cannot be used, or there are no threads.
    pub fn open(settings: Settings, sink: impl Sink) -> Result<Self, StartError> {
        let id = WriterId::generate().map_err(StartError::Random)?;
        let mut ledger = Ledger::default();
        let mut spooler = None;
        let backlog = match &settings.overflow {
            Overflow::Spill(spill) => {
                let opened = Spool::open(Arc::new(RealDisk), spill, id, settings.queue_records_max)
                    .map_err(|error| StartError::Spool(spill.directory.display().to_string(), error))?;
                ledger.counts.received = opened.recovered;
                ledger.counts.pending = opened.recovered;
                ledger.crash_gaps = opened.gaps;
                spooler = Some((spill.checkpoint_interval, opened.appender));
                Backlog::on_disk(opened.spool, opened.follower, spill.sync_interval)
            }
            Overflow::Block | Overflow::DropNewest | Overflow::DropOldest | Overflow::Aggregate { .. } => {
                Backlog::in_memory(id)
            }
        };
        let shared = Arc::new(Shared::new(settings, ledger));
        if let Some((interval, appender)) = spooler {
            let spooler = Spooler::new(shared.clone(), appender, interval);
            shared.start("usage-spooler", move || spooler.run())?;
        }
        let writer = Writer::new(shared.clone(), backlog, Box::new(sink));
        shared.start("usage-writer", move || writer.run())?;
        Ok(UsageLog { shared })
    }

    /// Takes a record. Never waits, except under [`Overflow::Block`]: some 100 ns, no allocation beside the queue's own.
    /// What becomes of it is in [`UsageLog::counts`].
    pub fn record(&self, record: Record) {
        self.shared.queue.push(record);
    }

    /// Stores events from elsewhere, and says what became of each, in order. Answers after they are stored, as durably as
    /// the sink does. Many posts that wait are stored together.
    ///
    /// Dropping the future does not take the events back.
    ///
    /// # Errors
    /// They are not stored, or it is not known: offer them again.
    pub async fn store(&self, events: Vec<Event>) -> Result<Vec<EventOutcome>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, reply) = oneshot::channel();
        self.shared.take_events(PendingEvents { events, answer })?;
        reply.await.unwrap_or(Err(StoreError::Closed))
    }

    /// What became of everything so far, at one moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }

    /// Which numbers may have been given to records that earlier processes lost, since they ended without closing their
    /// log. What a kill -9 loses came within one checkpoint interval before it.
    #[must_use]
    pub fn crash_gaps(&self) -> Vec<Gap> {
        self.shared.ledger().crash_gaps.clone()
    }

    /// Has everything that waits stored without waiting for more. Blocks the thread until nothing is pending, or for so
    /// long. Says whether nothing was pending.
    pub fn flush(&self, at_most: Duration) -> bool {
        self.shared.flush(at_most)
    }

    /// Takes nothing more, and stores what waits, for so long. What is not stored then stays on disk under
    /// [`Overflow::Spill`], and is dropped otherwise. Blocks the thread, for a call of the sink longer than asked. Says what
    /// became of everything; closing again does nothing.
    pub fn close(&self, at_most: Duration) -> Counts {
        self.shared.close(at_most);
        self.counts()
    }
}
