//! The embedded sink: one file, one writer, any number of readers beside it.

mod adjustments;
mod cut;
mod ids;
mod raw;
mod retention;
mod rollup;
mod schema;
mod series;
mod writers;

use std::path::Path;

use nexus_calendar::Time;
use nexus_segments::{LockError, LockFile};
use rusqlite::Connection;

pub(crate) use cut::Cut;
pub(crate) use schema::check_version;

use crate::{
    digest,
    id::{EventOutcome, Id},
    retention::Retention,
    sink::{Entry, Gap, Sink, SinkError, Tended},
};
use raw::Row;

/// Stores records in an SQLite file: every record in a table of its day, and sums by second, minute, hour and day, all in
/// one transaction. A batch that is answered survives the loss of power.
#[derive(Debug)]
pub struct SqliteSink {
    connection: Connection,
    retention: Retention,
    series: series::SeriesIds,
    writers: writers::Writers,
    ids: ids::ForeignIds,
    days: raw::Days,
    _lock: LockFile,
}

/// A file that cannot be opened as a usage log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another sink of this one, writes into it.
    #[error("{0} is being written by another process: a usage log has one writer at a time")]
    Locked(String),
    /// It is of another kind or of a later version.
    #[error("{0} is not a usage log of a version that is known here")]
    Foreign(String),
    /// The file cannot be made, locked or read.
    #[error("cannot open {0}")]
    Io(String, #[source] std::io::Error),
    /// SQLite says no.
    #[error("cannot open {0}")]
    Sqlite(String, #[source] rusqlite::Error),
}

impl SqliteSink {
    /// Opens the file, and makes it if it is missing. Beside it stands a file `….lock`, with the number of the
    /// process that has it open.
    ///
    /// # Errors
    /// Another sink has it open, it is something else, or it cannot be read.
    pub fn open(path: impl AsRef<Path>, retention: Retention) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let name = || path.display().to_string();
        let lock = lock(path)?;
        let sqlite = |error| OpenError::Sqlite(name(), error);
        let connection = Connection::open(path).map_err(sqlite)?;
        schema::prepare(&connection)
            .map_err(sqlite)?
            .then_some(())
            .ok_or_else(|| OpenError::Foreign(name()))?;
        let series = series::SeriesIds::open(&connection, &retention).map_err(sqlite)?;
        let ids = ids::ForeignIds::open(&connection).map_err(sqlite)?;
        let days = raw::Days::open(&connection).map_err(sqlite)?;
        Ok(SqliteSink {
            connection,
            retention,
            series,
            writers: writers::Writers::default(),
            ids,
            days,
            _lock: lock,
        })
    }

    /// One transaction; the caches are as the file is, whatever happens.
    fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> rusqlite::Result<T>) -> Result<T, SinkError> {
        let begun = self.connection.execute_batch("BEGIN IMMEDIATE");
        let done = begun.and_then(|()| {
            let result = work(self)?;
            self.connection.execute_batch("COMMIT")?;
            Ok(result)
        });
        done.map_err(|error| {
            if !self.connection.is_autocommit()
                && let Err(error) = self.connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "cannot roll a transaction of the usage log back");
            }
            if let Err(error) = self.reload() {
                tracing::error!(%error, "cannot read what the usage log has after a failure");
            }
            SinkError::new("cannot write the usage log", error)
        })
    }

    /// Forgets what may have been rolled back.
    fn reload(&mut self) -> rusqlite::Result<()> {
        self.writers.forget();
        self.series.reload(&self.connection)?;
        self.ids.reload(&self.connection)?;
        self.days.reload(&self.connection)
    }

    fn store_all(&mut self, batch: &[Entry], now: Time) -> rusqlite::Result<Vec<EventOutcome>> {
        let mut rows = Vec::with_capacity(batch.len());
        let mut fates = Vec::with_capacity(batch.len());
        for entry in batch {
            let fate = self.decide(entry, now)?;
            fates.push(fate);
            if matches!(fate, EventOutcome::Stored | EventOutcome::Quarantined) {
                let series = self.series.id_of(&self.connection, &entry.record.dimensions)?;
                rows.push(Row::new(entry, series, self.writers.reference(&entry.id), fate));
            }
        }
        self.writers.keep(&self.connection)?;
        self.days.insert(&self.connection, &rows, now)?;
        rollup::add(&self.connection, &rows)?;
        adjustments::add(&self.connection, &rows, now, self.retention.closes_after)?;
        Ok(fates)
    }

    fn decide(&mut self, entry: &Entry, now: Time) -> rusqlite::Result<EventOutcome> {
        let ended_at = entry.record.ended_at;
        let fate = if ended_at > now.after(self.retention.future_max) {
            EventOutcome::Quarantined
        } else {
            EventOutcome::Stored
        };
        match &entry.id {
            Id::Own { writer, sequence } => {
                let is_new = self.writers.advance(&self.connection, *writer, *sequence, now)?;
                Ok(if is_new { fate } else { EventOutcome::Duplicate })
            }
            Id::Foreign(_) if ended_at < now.before(self.retention.late_max) => Ok(EventOutcome::TooOld),
            Id::Foreign(id) => {
                let content = digest::content(&entry.record, entry.timing);
                let claimed = self.ids.claim(&self.connection, &digest::id(id), content, now)?;
                Ok(claimed.unwrap_or(fate))
            }
        }
    }
}

impl Sink for SqliteSink {
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
        let now = self.retention.clock.now();
        self.transaction(|sink| sink.store_all(batch, now))
    }

    fn note_gap(&mut self, gap: Gap) -> Result<(), SinkError> {
        let now = self.retention.clock.now();
        self.transaction(|sink| writers::note_gap(&sink.connection, gap, now))
    }

    fn tend(&mut self) -> Result<Tended, SinkError> {
        let now = self.retention.clock.now();
        self.transaction(|sink| sink.throw_away(now))
    }
}

fn lock(path: &Path) -> Result<LockFile, OpenError> {
    LockFile::try_take(&path.with_added_extension("lock")).map_err(|error| match error {
        LockError::Held { .. } => OpenError::Locked(path.display().to_string()),
        LockError::Io(_, error) => OpenError::Io(path.display().to_string(), error),
    })
}
