//! How many calls and bytes, by window and by whatever records are grouped by: read from the sums, beside a running
//! writer.

mod adjustment;
mod column;
mod format;
mod plan;
mod query;
mod read;
mod window;

use std::path::Path;

use nexus_calendar::Time;
use rusqlite::{Connection, OpenFlags};

pub use adjustment::Adjustment;
pub use column::{Column, Filter, ParseColumnError};
pub use format::{Format, UnknownFormat};
pub use query::{Direction, Measure, Order, OrderBy, Query};
pub use window::{UnknownWindow, Window};

use crate::{amounts::Amounts, sqlite};

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

/// Reads a usage log; any number of them beside its writer, in this process or another one.
#[derive(Debug)]
pub struct Reports {
    connection: Connection,
}

impl Reports {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// There is none, or it is something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReportError> {
        let path = path.as_ref();
        let name = || path.display().to_string();
        let open = |error| ReportError::Open(name(), error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(open)?;
        connection
            .execute_batch("PRAGMA busy_timeout = 10000; PRAGMA cache_size = -65536;")
            .map_err(open)?;
        if !sqlite::check_version(&connection).map_err(open)? {
            return Err(ReportError::Foreign(name()));
        }
        Ok(Reports { connection })
    }

    /// Answers a query, from one state of the log. Blocks the thread.
    ///
    /// # Errors
    /// The file cannot be read, the sums are not kept, or there is too much to say.
    pub fn report(&self, query: &Query) -> Result<Report, ReportError> {
        // Seen as of its first read, until it is dropped.
        let snapshot = self.connection.unchecked_transaction()?;
        let mut query = query.clone();
        let Some(range) = read::range(&snapshot, &query)? else {
            return Ok(Report {
                query,
                rows: Vec::new(),
            });
        };
        let mut rows = read::rows(&snapshot, &query, range)?;
        query.fill_range(range);
        query.sort(&mut rows);
        Ok(Report { query, rows })
    }

    /// What was added to the hours that begin in `[from, to)` after they had been closed, as it was made; at most `max`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn adjustments(&self, from: Time, to: Time, max: usize) -> Result<Vec<Adjustment>, ReportError> {
        Ok(sqlite::read_adjustments(&self.connection, from, to, max)?)
    }
}
