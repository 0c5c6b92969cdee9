//! The tables, and the version of their form.

use std::fmt::Write as _;

use rusqlite::Connection;

use super::cut::Cut;
use crate::level::Level;

/// "NxUL": says what the file is.
const APPLICATION_ID: i32 = 0x4e78_554c;
const VERSION: i32 = 2;

/// `FULL`: a transaction that is answered survives the loss of power; one sync a batch. Large batches make the log that is
/// written ahead grow to some 16 MiB between two checkpoints.
const PRAGMAS: &str = "
    PRAGMA busy_timeout = 10000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 8000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -65536;
    PRAGMA temp_store = MEMORY;
";

const TABLES: &str = "
    CREATE TABLE account(
        id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,
        key TEXT NOT NULL, tenant TEXT NOT NULL, service TEXT NOT NULL, status INTEGER NOT NULL) STRICT;
    CREATE TABLE series(
        id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, account INTEGER NOT NULL,
        key TEXT NOT NULL, tenant TEXT NOT NULL, service TEXT NOT NULL, route TEXT NOT NULL, client TEXT NOT NULL,
        method TEXT NOT NULL, source TEXT NOT NULL, status INTEGER NOT NULL, outcome TEXT NOT NULL,
        labels TEXT NOT NULL) STRICT;
    CREATE TABLE writer(
        id INTEGER PRIMARY KEY, writer BLOB NOT NULL UNIQUE, since_ns INTEGER NOT NULL, sequence INTEGER NOT NULL) STRICT;
    CREATE TABLE gap(
        writer BLOB NOT NULL, last INTEGER NOT NULL, last_possible INTEGER NOT NULL, noted_ns INTEGER NOT NULL,
        PRIMARY KEY(writer, last)) STRICT, WITHOUT ROWID;
    CREATE TABLE adjustment(
        made_ns INTEGER NOT NULL, hour INTEGER NOT NULL, series INTEGER NOT NULL, records INTEGER NOT NULL,
        calls INTEGER NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, body_bytes_in INTEGER NOT NULL, body_bytes INTEGER NOT NULL,
        duration_ns INTEGER NOT NULL) STRICT;
    CREATE INDEX adjustment_by_hour ON adjustment(hour);
    CREATE TABLE quarantine(
        arrived_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, series INTEGER NOT NULL,
        calls INTEGER NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, body_bytes_in INTEGER NOT NULL, body_bytes INTEGER NOT NULL,
        duration_ns INTEGER NOT NULL, writer INTEGER, sequence INTEGER, foreign_id TEXT) STRICT;
    CREATE TABLE kept(level TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Makes the tables if the file is new. Says whether it is a file of this version.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 = connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && !check_version(connection)? {
        return Ok(false);
    }
    connection.execute_batch(PRAGMAS)?;
    connection.set_prepared_statement_cache_capacity(256);
    if tables == 0 {
        let make = format!("BEGIN IMMEDIATE; {} COMMIT;", all_tables());
        connection.execute_batch(&make)?;
    }
    Ok(true)
}

/// Whether it is a file of this version.
pub(crate) fn check_version(connection: &Connection) -> rusqlite::Result<bool> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    Ok(number("application_id")? == APPLICATION_ID && number("user_version")? == VERSION)
}

fn all_tables() -> String {
    let mut sql = TABLES.to_owned();
    for cut in [Cut::Series, Cut::Account] {
        for level in Level::ALL.into_iter().filter(|level| cut.has(*level)) {
            // Writing into a String cannot fail.
            let _ = write!(
                sql,
                "CREATE TABLE {}(
                    bucket INTEGER NOT NULL, series INTEGER NOT NULL, calls INTEGER NOT NULL,
                    bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, body_bytes_in INTEGER NOT NULL, body_bytes INTEGER NOT NULL,
                    duration_ns INTEGER NOT NULL, PRIMARY KEY(bucket, series)) STRICT, WITHOUT ROWID;",
                cut.table(level)
            );
        }
    }
    let _ = write!(
        sql,
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    );
    sql
}

/// The columns of a record in the table of its day.
pub(super) const RAW_COLUMNS: &str = "
    ended_ns INTEGER NOT NULL, series INTEGER NOT NULL, calls INTEGER NOT NULL, bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL, body_bytes_in INTEGER NOT NULL, body_bytes INTEGER NOT NULL, duration_ns INTEGER NOT NULL,
    writer INTEGER, sequence INTEGER, foreign_id TEXT";
