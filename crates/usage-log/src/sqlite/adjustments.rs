//! What was added to hours that are closed.

use std::time::Duration;

use nexus_calendar::Time;
use rusqlite::{Connection, params};

use super::raw::Row;
use crate::sums::{column, columns, late};

/// Notes which of the rows belong to hours that are closed.
pub(super) fn add(
    connection: &Connection,
    rows: &[Row<'_>],
    now: Time,
    closes_after: Duration,
) -> rusqlite::Result<()> {
    let counted = rows.iter().filter(|row| row.counts());
    let late = late(
        counted.map(|row| (row.ended_at, row.id.series, row.amounts)),
        now,
        closes_after,
    );
    let mut statement =
        connection.prepare_cached("INSERT INTO adjustment VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for ((hour, series), (records, amounts)) in late {
        let [calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns] = columns(&amounts);
        statement.execute(params![
            now.nanos(),
            hour,
            series,
            column(records),
            calls,
            bytes_in,
            bytes_out,
            body_bytes_in,
            body_bytes,
            duration_ns
        ])?;
    }
    Ok(())
}
