//! What was added to hours that are closed.

use std::time::Duration;

use nexus_calendar::Time;
use rusqlite::{Connection, Row as SqlRow, params};

use super::raw::Row;
use crate::{
    amounts::Amounts,
    report::Adjustment,
    sums::{column, columns, late},
};

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

/// The adjustments to the hours that begin in `[from, to)`, as they were made; at most `max`.
pub(crate) fn read(connection: &Connection, from: Time, to: Time, max: usize) -> rusqlite::Result<Vec<Adjustment>> {
    let mut statement = connection.prepare_cached(
        "SELECT made_ns, hour, key, tenant, service, status, SUM(records), SUM(calls), SUM(bytes_in), SUM(bytes_out),
                SUM(body_bytes_in), SUM(body_bytes), SUM(duration_ns)
         FROM adjustment JOIN series ON series.id = adjustment.series
         WHERE hour >= ?1 AND hour < ?2
         GROUP BY made_ns, hour, account ORDER BY made_ns, hour, key, service, status LIMIT ?3",
    )?;
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![from.seconds(), to.seconds(), max], adjustment)?;
    rows.collect()
}

fn adjustment(row: &SqlRow<'_>) -> rusqlite::Result<Adjustment> {
    let number = |index| {
        row.get::<_, i64>(index)
            .map(|number| u64::try_from(number).unwrap_or(0))
    };
    Ok(Adjustment {
        made_at: Time::from_nanos(row.get(0)?),
        hour: Time::from_seconds(row.get(1)?),
        key: row.get(2)?,
        tenant: row.get(3)?,
        service: row.get(4)?,
        status: row.get(5)?,
        records: number(6)?,
        amounts: Amounts {
            calls: number(7)?,
            bytes_in: number(8)?,
            bytes_out: number(9)?,
            body_bytes_in: number(10)?,
            body_bytes: number(11)?,
            duration_ns: number(12)?,
        },
    })
}
