//! What a file that belongs to one process at a time remembers of the processes: the checkpoint of the one that runs, and what
//! those before it left.

use rusqlite::{Connection, params};

use super::{Sqlite, cells, error::Failure};
use crate::{Cell, Field, LedgerError, Milestone, Period, Subject, Time, WriterId};

/// What was found of the processes before this one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// When those that did not end cleanly had made their last checkpoints.
    pub(crate) crashed: Vec<Time>,
    /// What the writers counted that a shared ledger may not know of.
    pub(crate) unsettled: Vec<Cell>,
}

impl Sqlite {
    /// Begins as this writer; all others have ended.
    pub(crate) async fn begin(&self, writer: WriterId, at: Time) -> Result<Ended, LedgerError> {
        self.transaction("beginning as a new writer", move |db| begin(db, writer, at))
            .await
    }

    /// Keeps what the writer has counted so far.
    pub(crate) async fn checkpoint(&self, writer: WriterId, cells: Vec<Cell>, at: Time) -> Result<(), LedgerError> {
        let work = move |db: &Connection| {
            cells::merge_all(db, &cells)?;
            let update = "UPDATE writers SET checkpoint_ms = ?2 WHERE writer = ?1";
            db.prepare_cached(update)?
                .execute(params![cells::writer_bytes(writer), at.millis()])?;
            Ok(())
        };
        self.transaction("making a checkpoint", work).await
    }

    /// The writer has made its last checkpoint. With `settled`, a shared ledger knows all of it.
    pub(crate) async fn end(&self, writer: WriterId, settled: bool) -> Result<(), LedgerError> {
        let ended = if settled { "settled" } else { "cleanly" };
        let work = move |db: &Connection| {
            let update = "UPDATE writers SET ended = ?2 WHERE writer = ?1";
            db.execute(update, params![cells::writer_bytes(writer), ended])?;
            Ok(())
        };
        self.transaction("ending a writer", work).await
    }

    /// A shared ledger knows all that writers which have ended had counted.
    pub(crate) async fn settle(&self) -> Result<(), LedgerError> {
        let work = |db: &Connection| {
            db.execute(
                "UPDATE writers SET ended = 'settled' WHERE ended IN ('cleanly', 'unsettled')",
                [],
            )?;
            Ok(())
        };
        self.transaction("settling writers", work).await
    }

    /// All that is kept of all other writers from this period on, for a shared ledger that has lost it.
    pub(crate) async fn others_since(&self, writer: WriterId, first: Period) -> Result<Vec<Cell>, LedgerError> {
        let work = move |db: &Connection| {
            let which = "w.writer <> ?1 AND c.period >= ?2";
            cells_where(db, which, params![cells::writer_bytes(writer), first.ordinal()])
        };
        self.transaction("reading cells", work).await
    }

    /// Which of these are told for the first time; they are remembered as told.
    pub(crate) async fn tell(
        &self,
        milestones: Vec<(Subject, Period, Field, Milestone)>,
    ) -> Result<Vec<bool>, LedgerError> {
        let work = move |db: &Connection| {
            let mut insert = db.prepare_cached("INSERT OR IGNORE INTO milestones VALUES (?1, ?2, ?3, ?4)")?;
            let mut tell = |(subject, period, field, milestone): &(Subject, Period, Field, Milestone)| {
                let row = params![period.ordinal(), subject.as_str(), field.name(), milestone.percent()];
                Ok(insert.execute(row)? == 1)
            };
            milestones.iter().map(&mut tell).collect()
        };
        self.transaction("remembering milestones", work).await
    }
}

fn begin(db: &Connection, writer: WriterId, at: Time) -> Result<Ended, Failure> {
    let mut crashed = db.prepare("SELECT checkpoint_ms FROM writers WHERE ended = 'running' ORDER BY checkpoint_ms")?;
    let crashed = crashed.query_map([], |row| Ok(Time::from_millis(row.get(0)?)))?;
    let crashed = crashed.collect::<Result<_, _>>()?;
    db.execute("UPDATE writers SET ended = 'unsettled' WHERE ended = 'running'", [])?;
    let insert = "INSERT INTO writers VALUES (?1, ?2, ?2, 'running')";
    db.execute(insert, params![cells::writer_bytes(writer), at.millis()])?;
    let unsettled = cells_where(db, "w.ended IN ('cleanly', 'unsettled')", [])?;
    Ok(Ended { crashed, unsettled })
}

fn cells_where(db: &Connection, which: &str, params: impl rusqlite::Params) -> Result<Vec<Cell>, Failure> {
    let sql = format!(
        "SELECT c.period, c.backend, c.writer, added_api_requests, added_egress_bytes, added_ingress_bytes,
                taken_api_requests, taken_egress_bytes, taken_ingress_bytes
         FROM cells c JOIN writers w ON c.writer = w.writer WHERE {which} ORDER BY c.period, c.backend, c.writer"
    );
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let writer: [u8; 16] = row.get(2)?;
        found.push(Cell {
            writer: WriterId::from_bits(u128::from_be_bytes(writer)),
            subject: cells::subject(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?,
            period: cells::period(row.get(0)?)?,
            totals: cells::totals(row, 3)?,
        });
    }
    Ok(found)
}
