//! One file, one connection, one thread. WAL with `synchronous = NORMAL`: what was committed survives the end of the process at
//! any moment; a power cut may undo the last commits, never half of one, and what it undid was at most what came since the
//! last checkpoint of the WAL. Several processes may share the file on one machine.

mod cells;
mod claims;
mod error;
mod schema;
mod writers;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{Answer, Claim, ErrorKind, Lease, Ledger, LedgerError, Pushed, Row, Sum};
use crate::{Amount, Cell, Period, Subject, WriterId};

use error::Failure;
pub(crate) use writers::Ended;

/// How many operations may wait; whoever comes then waits for a place.
const QUEUE_OPERATIONS_MAX: usize = 64;
/// How long one process waits for another's transaction.
const BUSY_TIMEOUT_MILLIS: u64 = 2000;

impl Ledger {
    /// A ledger in a SQLite file, which is made if it is not there; its directory must be.
    pub async fn sqlite(path: impl AsRef<Path>) -> Result<Ledger, LedgerError> {
        Sqlite::open(path.as_ref()).await.map(Ledger::of_file)
    }
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Cheap to clone; the thread ends with the last clone, or when it is closed.
#[derive(Clone)]
pub(crate) struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Sqlite {
    pub(crate) async fn open(path: &Path) -> Result<Self, LedgerError> {
        const OPENING: &str = "opening the file of the ledger";
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE_OPERATIONS_MAX);
        let (opened, result) = oneshot::channel();
        let path = path.to_owned();
        let run = move || match schema::open(&path) {
            Ok(mut connection) => {
                let _ = opened.send(Ok(()));
                while let Some(job) = queue.blocking_recv() {
                    job(&mut connection);
                }
            }
            Err(failure) => {
                let _ = opened.send(Err(failure.of(&path)));
            }
        };
        let thread = std::thread::Builder::new()
            .name("usage-sqlite".into())
            .spawn(run)
            .map_err(|error| LedgerError::new(ErrorKind::Unavailable, OPENING, error))?;
        match result.await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return Err(failure.during(OPENING)),
            Err(_) => return Err(LedgerError::new(ErrorKind::Unavailable, OPENING, "its thread ended")),
        }
        let shared = Shared {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
        };
        Ok(Sqlite {
            shared: Arc::new(shared),
        })
    }

    #[expect(clippy::unused_self, reason = "every kind of ledger is asked the same way")]
    pub(super) fn name(&self) -> &'static str {
        "sqlite"
    }

    pub(crate) async fn push(&self, cells: &[Cell]) -> Result<Pushed, LedgerError> {
        let cells = cells.to_vec();
        self.transaction("merging cells", move |db| cells::merge_all(db, &cells))
            .await
    }

    pub(crate) async fn sums(
        &self,
        period: Period,
        subjects: &[Subject],
        writer: WriterId,
    ) -> Result<Vec<Sum>, LedgerError> {
        let subjects = subjects.to_vec();
        self.transaction("reading sums", move |db| cells::sums(db, period, &subjects, writer))
            .await
    }

    pub(super) async fn report(&self, first: Period, last: Period) -> Result<Vec<Row>, LedgerError> {
        self.transaction("making a report", move |db| cells::report(db, first, last))
            .await
    }

    pub(super) async fn compact(&self, before: Period) -> Result<u64, LedgerError> {
        self.transaction("compacting", move |db| cells::compact(db, before))
            .await
    }

    pub(super) async fn ping(&self) -> Result<(), LedgerError> {
        self.transaction("pinging", |db| Ok(db.query_row("SELECT 1", [], |_| Ok(()))?))
            .await
    }

    pub(super) async fn lease(&self, claim: &Claim) -> Result<Lease, LedgerError> {
        let claim = claim.clone();
        self.transaction("leasing", move |db| claims::lease(db, &claim)).await
    }

    pub(super) async fn admit(&self, claim: &Claim) -> Result<Answer, LedgerError> {
        let claim = claim.clone();
        self.transaction("admitting", move |db| claims::admit(db, &claim)).await
    }

    pub(super) async fn give_back(&self, cell: &Cell, up_to: Amount) -> Result<(), LedgerError> {
        let cell = cell.clone();
        self.transaction("giving back", move |db| claims::give_back(db, &cell, up_to))
            .await
    }

    /// Lets what waits be done, then ends the thread.
    pub(crate) async fn close(&self) {
        drop(self.shared.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It fails only if the thread panicked, and then it has ended all the same.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    /// Does this in one transaction, on the thread. Done or not, as a whole; also if nobody waits for the answer any more.
    async fn transaction<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let gone = || LedgerError::new(ErrorKind::Unavailable, operation, "it was closed");
        let jobs = self.shared.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (reply, answer) = oneshot::channel();
        let job = move |db: &mut Connection| {
            let _ = reply.send(in_transaction(db, work));
        };
        jobs.ok_or_else(gone)?.send(Box::new(job)).await.map_err(|_| gone())?;
        let result = answer.await.map_err(|_| gone())?;
        result.map_err(|failure| failure.during(operation))
    }
}

fn in_transaction<T>(db: &mut Connection, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}
