//! Faults of a ledger, on demand, for tests.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Answer, Claim, ErrorKind, Lease, Ledger, LedgerError, Pushed, Row, Sum};
use crate::{Amount, Cell, Period, Subject, WriterId};

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// It is done.
    #[default]
    None,
    /// It is not done, and fails.
    NotDone,
    /// It is done, but the answer is lost.
    AnswerLost,
    /// Its first half is done, and it fails: of a push, the first half of the cells.
    HalfDone,
    /// It is not done, and never answers.
    Hangs,
}

/// What becomes of the operations on a ledger made by [`Ledger::with_faults`], as a test says. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    fault: Arc<Mutex<Fault>>,
}

impl Faults {
    /// From here on, until the next call, this becomes of every operation.
    pub fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn get(&self) -> Fault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// This ledger, but its operations fail as they are told to. For tests.
    #[must_use]
    pub fn with_faults(self, faults: &Faults) -> Ledger {
        Ledger::of(super::Kind::Faulty(Box::new(Faulty {
            ledger: self,
            faults: faults.clone(),
        })))
    }
}

/// For tests.
impl Ledger {
    /// A ledger in memory forgets everything, as a cache does that is flushed; any other stays as it is.
    pub fn wipe(&self) {
        match &self.kind {
            super::Kind::Memory(memory) => memory.wipe(),
            super::Kind::Faulty(faulty) => faulty.ledger.wipe(),
            _ => {}
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Faulty {
    ledger: Ledger,
    faults: Faults,
}

impl Faulty {
    pub(super) fn name(&self) -> &'static str {
        self.ledger.name()
    }

    pub(super) async fn push(&self, cells: &[Cell]) -> Result<Pushed, LedgerError> {
        if self.faults.get() == Fault::HalfDone {
            let half = cells.get(..cells.len().div_ceil(2)).unwrap_or_default();
            Box::pin(self.ledger.push(half)).await?;
        }
        self.meet(Box::pin(self.ledger.push(cells))).await
    }

    pub(super) async fn sums(
        &self,
        period: Period,
        subjects: &[Subject],
        writer: WriterId,
    ) -> Result<Vec<Sum>, LedgerError> {
        self.meet(Box::pin(self.ledger.sums(period, subjects, writer))).await
    }

    pub(super) async fn report(&self, first: Period, last: Period) -> Result<Vec<Row>, LedgerError> {
        self.meet(Box::pin(self.ledger.report(first, last))).await
    }

    pub(super) async fn compact(&self, before: Period) -> Result<u64, LedgerError> {
        self.meet(Box::pin(self.ledger.compact(before))).await
    }

    pub(super) async fn ping(&self) -> Result<(), LedgerError> {
        self.meet(Box::pin(self.ledger.ping())).await
    }

    pub(super) async fn lease(&self, claim: &Claim) -> Result<Lease, LedgerError> {
        self.meet(Box::pin(self.ledger.lease(claim))).await
    }

    pub(super) async fn admit(&self, claim: &Claim) -> Result<Answer, LedgerError> {
        self.meet(Box::pin(self.ledger.admit(claim))).await
    }

    pub(super) async fn give_back(&self, cell: &Cell, up_to: Amount) -> Result<(), LedgerError> {
        self.meet(Box::pin(self.ledger.give_back(cell, up_to))).await
    }

    pub(super) async fn close(&self) {
        Box::pin(self.ledger.close()).await;
    }

    /// The operation is boxed by its caller, since the ledger within may be one of these again.
    async fn meet<T>(&self, operation: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
        let failed = |why| Err(LedgerError::new(ErrorKind::Unavailable, "meeting a fault", why));
        match self.faults.get() {
            Fault::None => operation.await,
            Fault::NotDone => failed("it was not done"),
            Fault::HalfDone => failed("half of it was done"),
            Fault::AnswerLost => {
                operation.await?;
                failed("the answer was lost")
            }
            Fault::Hangs => std::future::pending().await,
        }
    }
}
