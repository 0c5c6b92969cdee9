//! A ledger behind a circuit breaker.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::task::JoinHandle;

use super::{ErrorKind, Ledger, LedgerError};
use crate::{Breaker, BreakerSettings, Call};

/// What a ledger is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Ledger::push`].
    Push,
    /// [`Ledger::sums`].
    Sums,
    /// [`Ledger::report`].
    Report,
    /// [`Ledger::compact`].
    Compact,
    /// [`Ledger::ping`], and the probes.
    Ping,
    /// [`Ledger::lease`].
    Lease,
    /// [`Ledger::admit`].
    Admit,
    /// [`Ledger::give_back`].
    GiveBack,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 8] = [
        Operation::Push,
        Operation::Sums,
        Operation::Report,
        Operation::Compact,
        Operation::Ping,
        Operation::Lease,
        Operation::Admit,
        Operation::GiveBack,
    ];

    /// Its name, for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::Push => "push",
            Operation::Sums => "sums",
            Operation::Report => "report",
            Operation::Compact => "compact",
            Operation::Ping => "ping",
            Operation::Lease => "lease",
            Operation::Admit => "admit",
            Operation::GiveBack => "give_back",
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The ledger did it.
    Done,
    /// The ledger did not answer, or with an error.
    Failed,
    /// The ledger was not asked, since the breaker was open.
    NotAsked,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 3] = [Outcome::Done, Outcome::Failed, Outcome::NotAsked];

    /// Its name, for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::NotAsked => "not_asked",
        }
    }
}

/// How a ledger behind a breaker is doing. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Health {
    breaker: Breaker,
    counts: Arc<[[AtomicU64; 3]; 8]>,
}

impl Health {
    /// Whether the ledger is not asked for now. One load.
    pub fn is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// How many times its breaker opened.
    pub fn opened_total(&self) -> u64 {
        self.breaker.opened_total()
    }

    /// How many operations of this sort ended so. One that was given up before its end is not counted.
    pub fn operations_total(&self, operation: Operation, outcome: Outcome) -> u64 {
        self.counter(operation, outcome)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    fn count(&self, operation: Operation, outcome: Outcome) {
        if let Some(counter) = self.counter(operation, outcome) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counter(&self, operation: Operation, outcome: Outcome) -> Option<&AtomicU64> {
        self.counts.get(operation as usize)?.get(outcome as usize)
    }
}

/// The breaker before a ledger, and the task that probes the ledger while it is open; it ends with the last handle.
#[derive(Debug)]
pub(super) struct Guard {
    health: Health,
    watch: JoinHandle<()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Ledger {
    /// This ledger behind a [`Breaker`]: operations that fail with [`ErrorKind::Unavailable`] or [`ErrorKind::Refused`] count as
    /// failures; while it is open every operation fails at once and the ledger is only pinged, by a task that ends with the
    /// last clone. An operation that is given up before its end counts neither way.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn with_breaker(self, settings: BreakerSettings) -> Ledger {
        let health = Health {
            breaker: Breaker::new(settings),
            counts: Arc::default(),
        };
        let probed = Ledger::of(self.kind.clone());
        let watch = tokio::spawn(probe_while_open(probed, health.clone()));
        Ledger {
            kind: self.kind,
            guard: Some(Arc::new(Guard { health, watch })),
        }
    }

    /// How it is doing; none if there is no breaker before it.
    pub fn health(&self) -> Option<&Health> {
        self.guard.as_deref().map(|guard| &guard.health)
    }
}

async fn probe_while_open(ledger: Ledger, health: Health) {
    loop {
        let probe = health.breaker.probe().await;
        if ledger.ping().await.is_ok() {
            probe.succeeded();
            health.count(Operation::Ping, Outcome::Done);
        } else {
            probe.failed();
            health.count(Operation::Ping, Outcome::Failed);
        }
    }
}

/// An operation that was let through.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    operation: Operation,
    guarded: Option<(&'a Health, Call<'a>)>,
}

impl<'a> Asked<'a> {
    /// Fails if there is a breaker and it is open.
    pub(super) fn begin(guard: Option<&'a Guard>, operation: Operation) -> Result<Self, LedgerError> {
        let Some(Guard { health, .. }) = guard else {
            return Ok(Asked {
                operation,
                guarded: None,
            });
        };
        let Some(call) = health.breaker.call() else {
            health.count(operation, Outcome::NotAsked);
            let why = "it failed repeatedly, and is left alone until a probe finds it well";
            return Err(LedgerError::new(ErrorKind::Unavailable, operation.name(), why));
        };
        Ok(Asked {
            operation,
            guarded: Some((health, call)),
        })
    }

    /// Tells the breaker the end.
    pub(super) fn end<T>(self, result: Result<T, LedgerError>) -> Result<T, LedgerError> {
        let Some((health, call)) = self.guarded else {
            return result;
        };
        match result.as_ref().map_err(LedgerError::kind) {
            Err(ErrorKind::Unavailable | ErrorKind::Refused) => call.failed(),
            // Something is wrong with what was asked for, not with the ledger.
            Ok(_) | Err(_) => call.succeeded(),
        }
        health.count(
            self.operation,
            if result.is_ok() { Outcome::Done } else { Outcome::Failed },
        );
        result
    }
}
