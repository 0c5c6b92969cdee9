//! What the handles and the threads share.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use crate::{
    counts::Counts,
    error::{StartError, StoreError},
    id::{Event, EventOutcome},
    parker::Parker,
    queue::{Queue, Queued},
    settings::Settings,
    sink::Gap,
};

/// One log.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) settings: Settings,
    /// Wakes the writer; the queue has a parker of its own for whoever drains it.
    pub(crate) writer: Parker,
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
    pub(crate) events: VecDeque<PendingEvents>,
    pub(crate) events_waiting: usize,
    pub(crate) stop_by: Option<Instant>,
    pub(crate) crash_gaps: Vec<Gap>,
    /// Nothing more will come onto disk.
    pub(crate) spooler_is_done: bool,
    is_closed: bool,
}

/// Events that wait to be stored, and whoever waits for them.
#[derive(Debug)]
pub(crate) struct PendingEvents {
    pub(crate) events: Vec<Event>,
    pub(crate) answer: oneshot::Sender<Result<Vec<EventOutcome>, StoreError>>,
}

impl Shared {
    pub(crate) fn new(settings: Settings, ledger: Ledger) -> Self {
        Shared {
            queue: Queue::new(&settings),
            settings,
            writer: Parker::default(),
            hurry: AtomicBool::new(false),
            ledger: Mutex::new(ledger),
            settled: Condvar::new(),
            threads: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait that less is pending.
    pub(crate) fn settled(&self) {
        self.settled.notify_all();
    }

    /// Says whether nothing was pending in the end.
    pub(crate) fn flush(&self, at_most: Duration) -> bool {
        let by = in_time(at_most);
        self.hurry.store(true, Ordering::Release);
        self.notify_all();
        let mut ledger = self.ledger();
        let is_done = loop {
            if ledger.counts.pending == 0 && self.queue.tally().waiting == 0 {
                break true;
            }
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            let waited = self.settled.wait_timeout(ledger, left);
            ledger = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        self.hurry.store(false, Ordering::Release);
        is_done
    }

    /// Takes nothing more, and waits for the threads to end.
    pub(crate) fn close(&self, at_most: Duration) {
        let mut ledger = self.ledger();
        ledger.is_closed = true;
        ledger.stop_by.get_or_insert(in_time(at_most));
        drop(ledger);
        self.queue.close();
        self.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the usage log panicked");
            }
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.ledger().is_closed
    }

    fn notify_all(&self) {
        self.queue.drainer.notify();
        self.writer.notify();
    }

    pub(crate) fn counts(&self) -> Counts {
        let ledger = self.ledger();
        let tally = self.queue.tally();
        let mut counts = ledger.counts;
        counts.received += tally.received;
        counts.dropped += tally.dropped;
        counts.pending += tally.waiting;
        counts
    }

    pub(crate) fn take_events(&self, posted: PendingEvents) -> Result<(), StoreError> {
        let bytes_max = self.settings.record_bytes_max;
        let is_too_large = |event: &Event| Queued::bytes_of(&event.record) + event.id.text_bytes() > bytes_max;
        if let Some(place) = posted.events.iter().position(is_too_large) {
            return Err(StoreError::TooLarge(place));
        }
        let mut ledger = self.ledger();
        let events = posted.events.len();
        ledger.counts.received += events as u64;
        if ledger.is_closed {
            ledger.counts.dropped.unavailable += events as u64;
            return Err(StoreError::Closed);
        }
        let max = self.settings.posted_events_max;
        // A list that is longer than all that may wait may wait alone.
        if ledger.events_waiting > 0 && ledger.events_waiting + events > max {
            ledger.counts.dropped.unavailable += events as u64;
            return Err(StoreError::Busy(ledger.events_waiting));
        }
        ledger.counts.pending += events as u64;
        ledger.events_waiting += events;
        ledger.events.push_back(posted);
        drop(ledger);
        self.notify_all();
        Ok(())
    }

    pub(crate) fn start(self: &Arc<Self>, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
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
