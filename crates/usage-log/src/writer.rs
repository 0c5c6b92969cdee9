//! The one thread that calls the sink.

mod backlog;
mod backoff;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

pub(crate) use backlog::Backlog;
use backlog::Batch;
use backoff::Backoff;
use tokio::time::Instant;

use crate::{
    error::StoreError,
    id::{EventOutcome, Id},
    shared::{PendingEvents, Shared},
    sink::{Entry, Sink, SinkError, Tended},
};

/// How long to sleep when nothing is due: chores are looked for then.
const IDLE: Duration = Duration::from_secs(60);

pub(crate) struct Writer {
    shared: Arc<Shared>,
    backlog: Backlog,
    sink: Box<dyn Sink>,
    backoff: Backoff,
    /// Taken from the backlog and not stored yet.
    in_flight: Option<Batch>,
    /// Since when something waits in the backlog.
    waiting_since: Option<Instant>,
    tend_at: Instant,
    gaps_noted: usize,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, backlog: Backlog, sink: Box<dyn Sink>) -> Self {
        Writer {
            backoff: Backoff::new(&shared.settings),
            shared,
            backlog,
            sink,
            in_flight: None,
            waiting_since: None,
            tend_at: Instant::now(),
            gaps_noted: 0,
        }
    }

    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        self.backlog.parker(&shared).register_current();
        loop {
            self.store_events();
            self.note_gaps();
            let wait = self.store_backlog();
            self.tend();
            self.backlog.sync(self.in_flight.is_some());
            if self.is_over() {
                return self.finish();
            }
            if !wait.is_zero() {
                self.backlog.parker(&shared).wait(self.at_most(wait));
            }
        }
    }

    fn store_events(&mut self) {
        loop {
            let posts = self.take_events();
            if posts.is_empty() {
                return;
            }
            let result = if self.backoff.is_waiting() {
                Err(StoreError::Unavailable(self.backoff.reason()))
            } else {
                let events = posts.iter().flat_map(|post| &post.events);
                let entries: Vec<Entry> = events.map(Entry::from_event).collect();
                self.call(&entries)
                    .ok_or_else(|| StoreError::Unavailable(self.backoff.reason()))
            };
            self.answer(posts, result);
        }
    }

    /// As many posts as make a batch, and at least one.
    fn take_events(&mut self) -> Vec<PendingEvents> {
        let mut ledger = self.shared.ledger();
        let mut events = 0;
        let mut posts = Vec::new();
        while let Some(post) = ledger.events.front() {
            events += post.events.len();
            if !posts.is_empty() && events > self.shared.settings.batch_records_max {
                break;
            }
            posts.extend(ledger.events.pop_front());
        }
        posts
    }

    fn answer(&self, posts: Vec<PendingEvents>, result: Result<Vec<EventOutcome>, StoreError>) {
        let mut ledger = self.shared.ledger();
        let total: usize = posts.iter().map(|post| post.events.len()).sum();
        ledger.events_waiting -= total;
        ledger.counts.pending -= total as u64;
        match &result {
            Ok(fates) => fates.iter().for_each(|fate| ledger.counts.settle(*fate, 1)),
            Err(_) => ledger.counts.dropped.unavailable += total as u64,
        }
        drop(ledger);
        self.shared.settled();
        let mut fates = result.map(Vec::into_iter);
        for post in posts {
            let own = fates.as_mut().map_err(|error| error.clone());
            let own = own.map(|fates| fates.take(post.events.len()).collect());
            // Whoever asked may have gone: the events are stored all the same.
            let _ = post.answer.send(own);
        }
    }

    fn note_gaps(&mut self) {
        let gaps = self.shared.ledger().crash_gaps.clone();
        while let Some(gap) = gaps.get(self.gaps_noted).filter(|_| !self.backoff.is_waiting()) {
            match self.sink.note_gap(*gap) {
                Ok(()) => self.gaps_noted += 1,
                Err(error) => self.backoff.failed(&error),
            }
        }
    }

    /// Stores a batch if one is due. Says how long nothing will be due.
    fn store_backlog(&mut self) -> Duration {
        let now = Instant::now();
        if let Some(wait) = self.backoff.wait() {
            return wait;
        }
        if self.in_flight.is_none() {
            let waiting = self.backlog.len(&self.shared);
            if waiting == 0 {
                self.waiting_since = None;
                return self.tend_at.saturating_duration_since(now);
            }
            let since = *self.waiting_since.get_or_insert(now);
            let due = since + self.backoff.shortened(self.shared.settings.batch_age_max);
            let is_urgent = self.shared.hurry.load(Ordering::Acquire) || self.shared.is_closing();
            if waiting < self.shared.settings.batch_records_max && now < due && !is_urgent {
                return due - now;
            }
            self.waiting_since = None;
            match self.backlog.take(&self.shared) {
                Ok(batch) => self.in_flight = batch,
                Err(error) => self.backoff.failed(&SinkError::new("cannot read the spool", error)),
            }
        }
        if let Some(batch) = self.in_flight.take() {
            self.store_batch(batch);
        }
        Duration::ZERO
    }

    /// No longer than until the next sync of what waits, or the end.
    fn at_most(&self, wait: Duration) -> Duration {
        let wait = wait.min(self.backlog.sync_in(self.in_flight.is_some()));
        let stop_by = self.shared.ledger().stop_by;
        stop_by.map_or(wait, |stop_by| {
            wait.min(stop_by.saturating_duration_since(Instant::now()))
        })
    }

    fn store_batch(&mut self, batch: Batch) {
        let Some(fates) = self.call(&batch.entries) else {
            self.in_flight = Some(batch);
            return;
        };
        let mut ledger = self.shared.ledger();
        for (fate, records) in fates.into_iter().zip(&batch.stands_for) {
            ledger.counts.pending -= records;
            ledger.counts.settle(fate, *records);
        }
        drop(ledger);
        self.backlog.done();
        self.shared.settled();
    }

    /// Calls the sink. None if it failed: the backoff knows why.
    fn call(&mut self, entries: &[Entry]) -> Option<Vec<EventOutcome>> {
        let sink = &mut self.sink;
        let result = catch_unwind(AssertUnwindSafe(|| sink.store(entries)))
            .unwrap_or_else(|_| Err(SinkError::message("the sink panicked")))
            .and_then(|fates| match fates.len() == entries.len() {
                true => Ok(fates),
                false => Err(SinkError::message("the sink's answer does not fit the batch")),
            });
        match result {
            Ok(fates) => {
                self.backoff.succeeded();
                Some(fates)
            }
            Err(error) => {
                self.backoff.failed(&error);
                None
            }
        }
    }

    fn tend(&mut self) {
        let now = Instant::now();
        if now < self.tend_at || self.backoff.is_waiting() {
            return;
        }
        self.tend_at = match self.sink.tend() {
            Ok(Tended::More) => now,
            Ok(Tended::Done) => now + IDLE,
            Err(error) => {
                self.backoff.failed(&error);
                now + IDLE
            }
        };
    }

    /// Whether the log is closed and all is stored, or its time is up.
    fn is_over(&self) -> bool {
        let ledger = self.shared.ledger();
        let Some(stop_by) = ledger.stop_by else { return false };
        let is_drained = self.backlog.is_complete(&ledger) && ledger.counts.pending == 0;
        (is_drained && self.shared.queue.tally().waiting == 0)
            || (Instant::now() >= stop_by && self.backlog.is_complete(&ledger))
    }

    fn finish(mut self) {
        self.backlog.finish(self.in_flight.take(), &self.shared);
        let posts = self.take_events();
        self.answer(posts, Err(StoreError::Closed));
        self.shared.settled();
    }
}

impl Entry {
    fn from_event(event: &crate::Event) -> Self {
        Entry {
            id: Id::Foreign(event.id.clone()),
            record: event.record.clone(),
            timing: event.timing,
        }
    }
}
