//! Where the usage of many writers comes together.
//!
//! A ledger holds one [`Cell`] per (subject, period, writer): what that writer has counted since it began. Usage is the sum over
//! the writers. Everything else follows from the one rule by which cells are stored: **of two readings of a cell the larger one
//! stands, field by field**. A push whose answer was lost is pushed again, an old push that arrives late changes nothing, two
//! processes may push the same finished writer's cells at once, and a ledger that lost everything has it back with the next push
//! of each writer. There is no delta to lose or to count twice, nothing to swap, nothing to add back, and no lock.

mod claim;
mod error;
#[cfg(feature = "faults")]
mod faults;
mod guarded;
mod memory;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod open;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod report;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod slot;
mod sqlite;

pub use claim::{Answer, Claim, Lease};
pub use error::{ErrorKind, LedgerError};
#[cfg(feature = "faults")]
pub use faults::{Fault, Faults};
pub use guarded::{Health, Operation, Outcome};
#[cfg(feature = "postgres")]
pub use postgres::PostgresSettings;
#[cfg(feature = "redis")]
pub use redis::{RedisAddress, RedisAddressError, RedisSettings, RedisTls, RedisTopology};
pub use report::{Pushed, Row, Sum};
pub(crate) use sqlite::{Ended, Sqlite};

use std::{sync::Arc, time::Duration};

use crate::{Amount, Cell, Period, Subject, Time, WriterId};
use guarded::{Asked, Guard};

/// A ledger. Cheap to clone; all clones are one ledger.
///
/// # Contract
///
/// Of every kind, shown by one test that runs on all of them:
///
/// * **Merged by max.** After [`push`](Ledger::push) has answered, each stored total is at least the pushed one, and at most the
///   largest ever pushed by that writer. Pushing again, pushing what is older, in any order, from anywhere: no change.
/// * **A push is not one transaction.** If it fails, some of its cells may be stored. Each cell is stored whole or not at all.
/// * **Sums add up.** What [`sums`](Ledger::sums) and [`report`](Ledger::report) say includes every push that was answered before
///   they were asked. The two parts of one [`Sum`] are of one moment; different subjects need not be.
/// * **Errors are outcomes unknown.** An operation that failed with [`ErrorKind::Unavailable`] may have been applied, and may still
///   be applied later. Every operation may be repeated.
/// * **Every operation ends** within the ledger's own operation timeout.
/// * **Cancellation.** A future that is dropped leaves the operation undone, done, or still to be done, as if its answer was lost.
/// * **Nothing is made by asking.** Only a push, a lease and an admission create anything.
/// * **Claims.** Of one subject in one period, each writer holds, in each field, the larger of what it has used (its cell's
///   [`used`](crate::Totals::used)) and what it has claimed, as long as the claim is valid. [`lease`](Ledger::lease) and
///   [`admit`](Ledger::admit) grant no more than the limit less what the others hold, decided in one step: as long as claims are
///   valid, all writers together hold no more than the limit. A claim that is not valid any more counts as what its writer's cell says.
#[derive(Debug, Clone)]
pub struct Ledger {
    kind: Kind,
    guard: Option<Arc<Guard>>,
}

#[derive(Debug, Clone)]
enum Kind {
    Memory(memory::Memory),
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Postgres),
    #[cfg(feature = "redis")]
    Redis(redis::Redis),
    #[cfg(feature = "faults")]
    Faulty(Box<faults::Faulty>),
}

/// Calls the same method of whichever kind it is.
macro_rules! each {
    ($self:ident, $ledger:ident => $call:expr) => {
        match &$self.kind {
            Kind::Memory($ledger) => $call,
            Kind::Sqlite($ledger) => $call,
            #[cfg(feature = "postgres")]
            Kind::Postgres($ledger) => $call,
            #[cfg(feature = "redis")]
            Kind::Redis($ledger) => $call,
            #[cfg(feature = "faults")]
            Kind::Faulty($ledger) => $call,
        }
    };
}

impl Ledger {
    /// A ledger in the memory of this process: for one process, or for the instances of a test.
    pub fn memory() -> Self {
        Ledger::of(Kind::Memory(memory::Memory::default()))
    }

    fn of(kind: Kind) -> Self {
        Ledger { kind, guard: None }
    }

    pub(crate) fn of_file(file: Sqlite) -> Self {
        Ledger::of(Kind::Sqlite(file))
    }

    /// A short name of its kind, for logs and metrics: `memory`, `sqlite`, `postgres`, `redis`.
    pub fn name(&self) -> &'static str {
        each!(self, ledger => ledger.name())
    }

    /// Merges cells. Those of a period that the ledger does not keep any more change nothing and are counted in the answer.
    pub async fn push(&self, cells: &[Cell]) -> Result<Pushed, LedgerError> {
        let asked = self.ask(Operation::Push)?;
        asked.end(each!(self, ledger => ledger.push(cells).await))
    }

    /// What all writers have counted of these subjects in this period, and what of it this one writer has pushed; one sum per
    /// subject, in the order of the question. A subject of which nothing is known has sums of zero.
    pub async fn sums(&self, period: Period, subjects: &[Subject], writer: WriterId) -> Result<Vec<Sum>, LedgerError> {
        let asked = self.ask(Operation::Sums)?;
        asked.end(each!(self, ledger => ledger.sums(period, subjects, writer).await))
    }

    /// What all writers have counted, one row per period and subject, of the periods from `first` to `last`, both included; in
    /// the order of period and name.
    pub async fn report(&self, first: Period, last: Period) -> Result<Vec<Row>, LedgerError> {
        let asked = self.ask(Operation::Report)?;
        asked.end(each!(self, ledger => ledger.report(first, last).await))
    }

    /// Folds the cells of all writers into one, for each period before this one, and keeps these periods as they then are: later
    /// pushes to them are counted in [`Pushed::closed`]. Call it when every writer has surely pushed: 35 days after the end of a
    /// period. Answers how many cells went. A ledger whose periods go by themselves does nothing.
    pub async fn compact(&self, before: Period) -> Result<u64, LedgerError> {
        let asked = self.ask(Operation::Compact)?;
        asked.end(each!(self, ledger => ledger.compact(before).await))
    }

    /// An instant by which a period has been over for at least 35 days, in every zone and on every anchor day: what a store that
    /// forgets by itself is told to keep it until.
    #[must_use]
    pub fn kept_until(period: Period) -> Time {
        const KEPT: Duration = Duration::from_secs(35 * 24 * 60 * 60);
        period.over_by().after(KEPT)
    }

    /// Whether the ledger can be reached and used.
    pub async fn ping(&self) -> Result<(), LedgerError> {
        let asked = self.ask(Operation::Ping)?;
        asked.end(each!(self, ledger => ledger.ping().await))
    }

    /// Merges the claim's cell, then raises the writer's claim in each field as far as the limit allows, up to
    /// [`up_to`](Claim::up_to), and makes it valid for another [`valid_for`](Claim::valid_for). It never lowers a claim: a repeat
    /// after a lost answer is granted the same.
    pub async fn lease(&self, claim: &Claim) -> Result<Lease, LedgerError> {
        let asked = self.ask(Operation::Lease)?;
        asked.end(each!(self, ledger => ledger.lease(claim).await))
    }

    /// As [`lease`](Ledger::lease), but whole or not at all: unless every field can be raised to what is asked for, no claim is
    /// changed. The cell is merged in any case.
    pub async fn admit(&self, claim: &Claim) -> Result<Answer, LedgerError> {
        let asked = self.ask(Operation::Admit)?;
        asked.end(each!(self, ledger => ledger.admit(claim).await))
    }

    /// Merges the cell, then lowers its writer's claim to at most this much. [`Amount::ZERO`] gives back all that was not used;
    /// so does a writer that ends, or whoever finds that it has ended.
    pub async fn give_back(&self, cell: &Cell, up_to: Amount) -> Result<(), LedgerError> {
        let asked = self.ask(Operation::GiveBack)?;
        asked.end(each!(self, ledger => ledger.give_back(cell, up_to).await))
    }

    /// Ends connections and threads; what waits is finished first. Idempotent. Afterwards every operation is
    /// [`ErrorKind::Unavailable`].
    pub async fn close(&self) {
        each!(self, ledger => ledger.close().await);
    }

    /// Leave to do this, of which the end is to be told.
    fn ask(&self, operation: Operation) -> Result<Asked<'_>, LedgerError> {
        Asked::begin(self.guard.as_deref(), operation)
    }
}
