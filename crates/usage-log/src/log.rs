use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nexus_segments::RealDisk;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    Counts, Event, Gap, Overflow, Record, Settings, Sink, Stored, WriterId,
    bell::Bell,
    queue::{Queue, Queued},
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

/// What the handles and the threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) settings: Settings,
    /// Wakes the writer; the queue has a bell of its own for whoever drains it.
    pub(crate) bell: Bell,
    pub(crate) hurry: AtomicBool,
    ledger: Mutex<Ledger>,
    settled: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What is counted in one place, so that every count is true at the same moment. Locked before any shard of the queue.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// All but what the queue counts, and with `pending` as what has left the queue.
    pub(crate) counts: Counts,
    pub(crate) posts: VecDeque<Post>,
    pub(crate) posted_events: usize,
    pub(crate) stop_by: Option<Instant>,
    pub(crate) crash_gaps: Vec<Gap>,
    /// Nothing more will come onto disk.
    pub(crate) spooler_is_done: bool,
    is_closed: bool,
}

/// Events that wait to be stored, and whoever waits for them.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) events: Vec<Event>,
    pub(crate) answer: oneshot::Sender<Result<Vec<Stored>, StoreError>>,
}

/// Why events are not stored. They may be offered again, as often as it takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too many events wait already. Try again in a moment.
    #[error("{0} events wait to be stored, no more can: try again")]
    Busy(usize),
    /// The sink does not store now. Whether it stored these events is not known; offering them again is safe.
    #[error("the usage log cannot store now: {0}")]
    Unavailable(String),
    /// One of them, by its place in the list, is larger than a record may be. None is stored, and none ever will be with it.
    #[error("event {0} is larger than a record may be")]
    TooLarge(usize),
    /// The log is closed.
    #[error("the usage log is closed")]
    Closed,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The directory of the spool cannot be used, or another process uses it.
    #[error("cannot open the spool of the usage log in {0}")]
    Spool(String, #[source] std::io::Error),
    /// There is no chance to be had for a writer's id.
    #[error("cannot make an id for the writer")]
    Random(#[source] getrandom::Error),
    /// There is no thread to be had.
    #[error("cannot start a thread for the usage log")]
    Thread(#[source] std::io::Error),
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
        let shared = Arc::new(Shared {
            queue: Queue::new(&settings),
            settings,
            bell: Bell::default(),
            hurry: AtomicBool::new(false),
            ledger: Mutex::new(ledger),
            settled: Condvar::new(),
            threads: Mutex::new(Vec::new()),
        });
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
    pub async fn store(&self, events: Vec<Event>) -> Result<Vec<Stored>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, reply) = oneshot::channel();
        self.shared.post(Post { events, answer })?;
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
        let by = in_time(at_most);
        self.shared.hurry.store(true, Ordering::Release);
        self.shared.ring_all();
        let mut ledger = self.shared.ledger();
        let is_done = loop {
            if ledger.counts.pending == 0 && self.shared.queue.tally().waiting == 0 {
                break true;
            }
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            let waited = self.shared.settled.wait_timeout(ledger, left);
            ledger = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        self.shared.hurry.store(false, Ordering::Release);
        is_done
    }

    /// Takes nothing more, and stores what waits, for so long. What is not stored then stays on disk under
    /// [`Overflow::Spill`], and is dropped otherwise. Blocks the thread, for a call of the sink longer than asked. Says what
    /// became of everything; closing again does nothing.
    pub fn close(&self, at_most: Duration) -> Counts {
        let mut ledger = self.shared.ledger();
        ledger.is_closed = true;
        ledger.stop_by.get_or_insert(in_time(at_most));
        drop(ledger);
        self.shared.queue.close();
        self.shared.ring_all();
        let threads = std::mem::take(&mut *self.shared.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the usage log panicked");
            }
        }
        self.counts()
    }
}

impl Shared {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait that less is pending.
    pub(crate) fn settled(&self) {
        self.settled.notify_all();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.ledger().is_closed
    }

    fn ring_all(&self) {
        self.queue.bell.ring();
        self.bell.ring();
    }

    fn counts(&self) -> Counts {
        let ledger = self.ledger();
        let tally = self.queue.tally();
        let mut counts = ledger.counts;
        counts.received += tally.received;
        counts.dropped += tally.dropped;
        counts.pending += tally.waiting;
        counts
    }

    fn post(&self, post: Post) -> Result<(), StoreError> {
        let bytes_max = self.settings.record_bytes_max;
        let is_too_large = |event: &Event| Queued::bytes_of(&event.record) + event.id.text_bytes() > bytes_max;
        if let Some(place) = post.events.iter().position(is_too_large) {
            return Err(StoreError::TooLarge(place));
        }
        let mut ledger = self.ledger();
        let events = post.events.len();
        ledger.counts.received += events as u64;
        if ledger.is_closed {
            ledger.counts.dropped.unavailable += events as u64;
            return Err(StoreError::Closed);
        }
        let max = self.settings.posted_events_max;
        // A post that is larger than all that may wait may wait alone.
        if ledger.posted_events > 0 && ledger.posted_events + events > max {
            ledger.counts.dropped.unavailable += events as u64;
            return Err(StoreError::Busy(ledger.posted_events));
        }
        ledger.counts.pending += events as u64;
        ledger.posted_events += events;
        ledger.posts.push_back(post);
        drop(ledger);
        self.ring_all();
        Ok(())
    }

    fn start(self: &Arc<Self>, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(StartError::Thread)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }
}

/// The instant after a wait; a wait of more than a year is a year.
pub(crate) fn in_time(wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    Instant::now() + wait.min(YEAR)
}
