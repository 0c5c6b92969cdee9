//! The schema in SQLite.

use std::{path::Path, time::Duration};

use rusqlite::Connection;

use super::{BUSY_TIMEOUT_MILLIS, error::Failure};

const VERSION: i64 = 1;
/// `nxus`: says that a file is ours.
const APPLICATION_ID: i64 = 0x6e78_7573;

/// In place of a writer: the sum of those that were folded.
pub(super) const FOLDED: [u8; 0] = [];

/// `cells`: one row per period, subject (`backend`) and writer. `period` is months since January of the year 0; `writer` is 16 bytes, or
/// none for the sum of those that were folded. `writers`: who has written to this file as its own. `milestones`: what was told.
const TABLES: &str = "
CREATE TABLE cells (
    period INTEGER NOT NULL,
    backend TEXT NOT NULL,
    writer BLOB NOT NULL,
    added_api_requests INTEGER NOT NULL,
    added_egress_bytes INTEGER NOT NULL,
    added_ingress_bytes INTEGER NOT NULL,
    taken_api_requests INTEGER NOT NULL,
    taken_egress_bytes INTEGER NOT NULL,
    taken_ingress_bytes INTEGER NOT NULL,
    claimed_api_requests INTEGER NOT NULL DEFAULT 0,
    claimed_egress_bytes INTEGER NOT NULL DEFAULT 0,
    claimed_ingress_bytes INTEGER NOT NULL DEFAULT 0,
    valid_until_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (period, backend, writer)
) STRICT, WITHOUT ROWID;
CREATE TABLE kept (only INTEGER PRIMARY KEY CHECK (only = 0), from_period INTEGER NOT NULL) STRICT;
INSERT INTO kept VALUES (0, 0);
CREATE TABLE writers (
    writer BLOB PRIMARY KEY,
    began_ms INTEGER NOT NULL,
    checkpoint_ms INTEGER NOT NULL,
    ended TEXT NOT NULL CHECK (ended IN ('running', 'cleanly', 'unsettled', 'settled'))
) STRICT, WITHOUT ROWID;
CREATE TABLE milestones (
    period INTEGER NOT NULL,
    backend TEXT NOT NULL,
    field TEXT NOT NULL,
    percent INTEGER NOT NULL,
    PRIMARY KEY (period, backend, field, percent)
) STRICT, WITHOUT ROWID;
";

/// Opens the file, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, Failure> {
    let mut db = Connection::open(path)?;
    db.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MILLIS))?;
    db.set_prepared_statement_cache_capacity(32);
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    super::in_transaction(&mut db, prepare)?;
    Ok(db)
}

fn prepare(db: &Connection) -> Result<(), Failure> {
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    match (pragma("application_id")?, pragma("user_version")?) {
        (APPLICATION_ID, VERSION) => Ok(()),
        (APPLICATION_ID, other) => Err(Failure::Foreign(format!(
            "its version is {other}, and this program reads version {VERSION}"
        ))),
        (0, 0) => {
            let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables != 0 {
                return Err(Failure::Foreign("it is a database of something else".into()));
            }
            db.execute_batch(TABLES)?;
            db.pragma_update(None, "application_id", APPLICATION_ID)?;
            db.pragma_update(None, "user_version", VERSION)?;
            Ok(())
        }
        (_, _) => Err(Failure::Foreign("it is a database of something else".into())),
    }
}
