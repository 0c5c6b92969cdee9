//! The thread that puts records onto disk.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    queue::Queued,
    shared::Shared,
    spool::{AppendError, Appender},
};

/// How long to wait when there is nothing to do: only a ring that was lost would ever be noticed by it.
const IDLE: Duration = Duration::from_secs(1);

/// Puts what waits in memory onto disk, once in each checkpoint interval.
#[derive(Debug)]
pub(crate) struct Spooler {
    shared: Arc<Shared>,
    appender: Appender,
    interval: Duration,
    /// Taken from the queue and not on disk yet.
    in_flight: Vec<Queued>,
    is_failing: bool,
}

impl Spooler {
    pub(crate) fn new(shared: Arc<Shared>, appender: Appender, interval: Duration) -> Self {
        Spooler {
            shared,
            appender,
            interval,
            in_flight: Vec::new(),
            is_failing: false,
        }
    }

    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        shared.queue.drainer.register_current();
        loop {
            let is_closing = shared.is_closing();
            if !is_closing {
                if self.in_flight.is_empty() && shared.queue.len() == 0 {
                    shared.queue.drainer.wait(IDLE);
                }
                self.wait_for_others();
            }
            let is_done = self.checkpoint();
            // A log that is closed takes nothing more: what is drained after that is the rest.
            if is_closing && (is_done || self.is_failing) {
                return self.finish();
            }
        }
    }

    /// Others join the first one, for an interval. The first record of each shard rings, which is no reason to hurry.
    fn wait_for_others(&self) {
        let until = Instant::now() + self.interval;
        while !self.shared.is_closing() && !self.shared.queue.is_pressing() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.shared.queue.drainer.wait(left);
        }
    }

    /// Says whether all that waited is on disk.
    fn checkpoint(&mut self) -> bool {
        if self.in_flight.is_empty() {
            let mut ledger = self.shared.ledger();
            self.in_flight = self.shared.queue.drain(usize::MAX);
            ledger.counts.pending += count(&self.in_flight);
        }
        if self.in_flight.is_empty() {
            return true;
        }
        let appended = self.appender.append(self.in_flight.iter().map(|queued| &queued.record));
        self.report(&appended);
        if appended.is_err() {
            return false;
        }
        self.in_flight.clear();
        self.shared.writer.notify();
        true
    }

    /// Says it once when it begins to fail, and once when it is over.
    fn report(&mut self, appended: &Result<(), AppendError>) {
        match appended {
            Err(error) if !self.is_failing => {
                tracing::error!(%error, source = ?std::error::Error::source(error), "the usage log cannot spill to disk");
            }
            Ok(()) if self.is_failing => tracing::info!("the usage log spills to disk again"),
            _ => {}
        }
        self.is_failing = appended.is_err();
        self.shared.queue.set_spill_is_full(self.is_failing);
    }

    fn finish(mut self) {
        let mut ledger = self.shared.ledger();
        let (in_flight, queued) = (count(&self.in_flight), count(&self.shared.queue.drain(usize::MAX)));
        ledger.counts.pending -= in_flight;
        ledger.counts.dropped.closed += in_flight + queued;
        drop(ledger);
        if let Err(error) = self.appender.finish() {
            tracing::error!(%error, "cannot end the spool of the usage log");
        }
        self.shared.ledger().spooler_is_done = true;
        self.shared.writer.notify();
    }
}

fn count(queued: &[Queued]) -> u64 {
    queued.iter().map(|queued| queued.stands_for).sum()
}
