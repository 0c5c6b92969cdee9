//! The tables of sums.

use rusqlite::{Connection, params};

use super::{cut::Cut, raw::Row};
use crate::{
    amounts::Amounts,
    level::Level,
    sums::{Sums, coarser, columns},
};

/// Adds rows to the sums of all levels.
pub(super) fn add(connection: &Connection, rows: &[Row<'_>]) -> rusqlite::Result<()> {
    let mut by_series = Sums::default();
    let mut by_account = Sums::default();
    for row in rows.iter().filter(|row| row.counts()) {
        let second = row.ended_at.seconds();
        *by_series.entry((second, row.id.series)).or_default() += row.amounts;
        let hour = Level::Hour.floor(second);
        *by_account.entry((hour, row.id.account)).or_default() += row.amounts;
    }
    for (cut, mut sums) in [(Cut::Series, by_series), (Cut::Account, by_account)] {
        for level in Level::ALL.into_iter().filter(|level| cut.has(*level)) {
            sums = coarser(&sums, level);
            merge(connection, &cut.table(level), &sums)?;
        }
    }
    Ok(())
}

/// Sums stop at the largest number of a column, since SQLite's would go on as floating-point numbers.
fn merge(connection: &Connection, table: &str, sums: &Sums) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO {table}(bucket, series, calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT(bucket, series) DO UPDATE SET
            calls = MIN(calls + excluded.calls, {max}),
            bytes_in = MIN(bytes_in + excluded.bytes_in, {max}),
            bytes_out = MIN(bytes_out + excluded.bytes_out, {max}),
            body_bytes_in = MIN(body_bytes_in + excluded.body_bytes_in, {max}),
            body_bytes = MIN(body_bytes + excluded.body_bytes, {max}),
            duration_ns = MIN(duration_ns + excluded.duration_ns, {max})",
        max = Amounts::MAX,
    ))?;
    // In the order of the table, so that each of its pages is looked for once.
    let mut sums: Vec<_> = sums.iter().collect();
    sums.sort_unstable_by_key(|(place, _)| **place);
    for ((bucket, series), amounts) in sums {
        let [calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns] = columns(amounts);
        statement.execute(params![
            bucket,
            series,
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
