//! How many calls and bytes, by window and by whatever records are grouped by: read from the sums, beside a running
//! writer.

mod adjustment;
mod column;
mod filter;
mod format;
mod plan;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
mod read;
mod sqlite;
mod tables;
mod window;

use std::path::Path;

use nexus_calendar::Time;

pub use adjustment::Adjustment;
pub use column::{Column, ParseColumnError};
pub use filter::Filter;
pub use format::{Format, UnknownFormat};
pub use query::{Direction, Measure, Order, OrderBy, Query, QueryError};
pub use window::{UnknownWindow, Window};

use crate::amounts::Amounts;
#[cfg(feature = "postgres")]
use crate::postgres::{PostgresSettings, PostgresSettingsError};
use tables::Tables;

/// A group's sums in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// When the window begins; the query's start for a report without windows.
    pub window: Time,
    /// The values of the columns that the query groups by, in its order.
    pub group: Vec<String>,
    /// The sums.
    pub amounts: Amounts,
}

/// What a [`Query`] found. Windows and groups without records are not in it.
#[derive(Debug, Clone)]
pub struct Report {
    /// The query that was asked, its range filled in.
    pub query: Query,
    /// What was found, in the query's order.
    pub rows: Vec<ReportRow>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// There is no such file, or SQLite cannot read it.
    #[error("cannot read the usage log {0}")]
    Open(String, #[source] rusqlite::Error),
    /// The file is of another kind or of a later version.
    #[error("{0} is not a usage log of a version that is known here")]
    Foreign(String),
    /// Reading failed.
    #[error("cannot read the usage log")]
    Read(#[from] rusqlite::Error),
    /// PostgreSQL cannot be reached, or says no.
    #[cfg(feature = "postgres")]
    #[error("cannot read the usage log in PostgreSQL: {0}")]
    Postgres(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The sums that the question needs are thrown away.
    #[error(
        "sums by {level} are kept since {since}: ask from there on, or for windows and ends that need none of them"
    )]
    NotKept {
        /// Which sums.
        level: &'static str,
        /// Since when there are some.
        since: Time,
    },
    /// The answer is too long.
    #[error("the report has more than {0} rows: ask for longer windows, fewer groups or a shorter time")]
    TooLong(usize),
    /// It was made, and cannot be written.
    #[error("cannot write the report of {0}")]
    Output(String, #[source] std::io::Error),
}

/// Reads a usage log; any number of them beside its writers, in this process or another one.
#[derive(Debug)]
pub struct Reports {
    store: Store,
}

#[derive(Debug)]
enum Store {
    Sqlite(rusqlite::Connection),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::Reader>),
}

impl Reports {
    /// Opens an SQLite file for reading.
    ///
    /// # Errors
    /// There is none, or it is something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReportError> {
        Ok(Reports {
            store: Store::Sqlite(sqlite::open(path.as_ref())?),
        })
    }

    /// Reads a PostgreSQL database. Connects to nothing yet: each report has a connection of its own.
    ///
    /// # Errors
    /// The URL or the authorities cannot be used.
    #[cfg(feature = "postgres")]
    pub fn postgres(settings: &PostgresSettings) -> Result<Self, PostgresSettingsError> {
        Ok(Reports {
            store: Store::Postgres(Box::new(postgres::Reader::new(settings)?)),
        })
    }

    /// Answers a query, from one state of the log. Blocks the thread.
    ///
    /// # Errors
    /// The log cannot be read, the sums are not kept, or there is too much to say.
    pub fn report(&self, query: &Query) -> Result<Report, ReportError> {
        self.read(|tables| {
            let mut query = query.clone();
            let Some(range) = read::range(tables, &query)? else {
                return Ok(Report {
                    query,
                    rows: Vec::new(),
                });
            };
            let mut rows = read::rows(tables, &query, range)?;
            query.fill_range(range);
            query.sort(&mut rows);
            Ok(Report { query, rows })
        })
    }

    /// What was added to the hours that begin in `[from, to)` after they had been closed, as it was made; at most `max`.
    /// Blocks the thread.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn adjustments(&self, from: Time, to: Time, max: usize) -> Result<Vec<Adjustment>, ReportError> {
        self.read(|tables| tables.adjustments((from.seconds(), to.seconds()), max))
    }

    fn read<T: Send>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, ReportError> + Send,
    ) -> Result<T, ReportError> {
        match &self.store {
            Store::Sqlite(connection) => work(&mut Tables::Sqlite(sqlite::Snapshot::of(connection)?)),
            #[cfg(feature = "postgres")]
            Store::Postgres(reader) => reader.read(work),
        }
    }
}
