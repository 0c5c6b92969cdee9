use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::task::JoinHandle;

use super::{Answer, Claim, ErrorKind, Kind, Lease, Ledger, LedgerError, Pushed, Row, Sum};
use crate::{Amount, Backend, Breaker, BreakerSettings, Cell, Period, WriterId};

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
        self.counter(operation, outcome).map_or(0, |counter| counter.load(Ordering::Relaxed))
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

/// A ledger behind a breaker.
#[derive(Debug, Clone)]
pub(super) struct Guarded {
    ledger: Ledger,
    health: Health,
    _watch: Arc<Watch>,
}

/// The task that probes; it ends with the last handle.
#[derive(Debug)]
struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ledger {
    /// This ledger behind a [`Breaker`]: operations that fail with [`ErrorKind::Unavailable`] or [`ErrorKind::Refused`] count as
    /// failures; while it is open every operation fails at once and the ledger is only pinged, by a task of this handle's,
    /// which ends with the last clone.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn with_breaker(self, settings: BreakerSettings) -> Ledger {
        let health = Health {
            breaker: Breaker::new(settings),
            counts: Arc::default(),
        };
        let (probed, watched) = (self.clone(), health.clone());
        let watch = tokio::spawn(async move {
            let probe = async || {
                let answered = probed.ping().await.is_ok();
                watched.count(Operation::Ping, if answered { Outcome::Done } else { Outcome::Failed });
                answered
            };
            watched.breaker.watch(probe).await;
        });
        Ledger {
            kind: Kind::Guarded(Box::new(Guarded {
                ledger: self,
                health,
                _watch: Arc::new(Watch(watch)),
            })),
        }
    }

    /// How it is doing; none if there is no breaker before it.
    pub fn health(&self) -> Option<&Health> {
        match &self.kind {
            Kind::Guarded(guarded) => Some(&guarded.health),
            _ => None,
        }
    }
}

impl Guarded {
    pub(super) fn name(&self) -> &'static str {
        self.ledger.name()
    }

    pub(super) async fn push(&self, cells: &[Cell]) -> Result<Pushed, LedgerError> {
        self.guard(Operation::Push, self.ledger.push(cells)).await
    }

    pub(super) async fn sums(
        &self,
        period: Period,
        backends: &[Backend],
        writer: WriterId,
    ) -> Result<Vec<Sum>, LedgerError> {
        self.guard(Operation::Sums, self.ledger.sums(period, backends, writer)).await
    }

    pub(super) async fn report(&self, first: Period, last: Period) -> Result<Vec<Row>, LedgerError> {
        self.guard(Operation::Report, self.ledger.report(first, last)).await
    }

    pub(super) async fn compact(&self, before: Period) -> Result<u64, LedgerError> {
        self.guard(Operation::Compact, self.ledger.compact(before)).await
    }

    pub(super) async fn ping(&self) -> Result<(), LedgerError> {
        self.guard(Operation::Ping, self.ledger.ping()).await
    }

    pub(super) async fn lease(&self, claim: &Claim) -> Result<Lease, LedgerError> {
        self.guard(Operation::Lease, self.ledger.lease(claim)).await
    }

    pub(super) async fn admit(&self, claim: &Claim) -> Result<Answer, LedgerError> {
        self.guard(Operation::Admit, self.ledger.admit(claim)).await
    }

    pub(super) async fn give_back(&self, cell: &Cell, up_to: Amount) -> Result<(), LedgerError> {
        self.guard(Operation::GiveBack, self.ledger.give_back(cell, up_to)).await
    }

    pub(super) async fn close(&self) {
        Box::pin(self.ledger.close()).await;
    }

    async fn guard<T>(
        &self,
        operation: Operation,
        asked: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        let Some(call) = self.health.breaker.call() else {
            self.health.count(operation, Outcome::NotAsked);
            let why = "it failed repeatedly, and is left alone until a probe finds it well";
            return Err(LedgerError::new(ErrorKind::Unavailable, operation.name(), why));
        };
        // Boxed: the ledger within may be any kind.
        let result = Box::pin(asked).await;
        match result.as_ref().map_err(LedgerError::kind) {
            Err(ErrorKind::Unavailable | ErrorKind::Refused) => call.failed(),
            // Something is wrong with what was asked for, not with the ledger.
            Ok(_) | Err(_) => call.succeeded(),
        }
        self.health.count(operation, if result.is_ok() { Outcome::Done } else { Outcome::Failed });
        result
    }
}
