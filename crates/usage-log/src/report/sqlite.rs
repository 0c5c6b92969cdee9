//! What a report reads from an SQLite file.

use std::path::Path;

use nexus_calendar::Time;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Transaction, params, types::ValueRef};

use super::{
    Adjustment, Column, ReportError,
    plan::Range,
    tables::{EachSeries, EachSum, amounts},
};
use crate::{
    level::Level,
    sqlite::{Cut, check_version},
};

/// Opens a file for reading, beside its writer.
pub(super) fn open(path: &Path) -> Result<Connection, ReportError> {
    let name = || path.display().to_string();
    let open = |error| ReportError::Open(name(), error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(open)?;
    connection
        .execute_batch("PRAGMA busy_timeout = 10000; PRAGMA cache_size = -65536;")
        .map_err(open)?;
    if !check_version(&connection).map_err(open)? {
        return Err(ReportError::Foreign(name()));
    }
    Ok(connection)
}

/// The file as of the first read, until this is dropped.
#[derive(Debug)]
pub(super) struct Snapshot<'a>(Transaction<'a>);

impl<'a> Snapshot<'a> {
    pub(super) fn of(connection: &'a Connection) -> Result<Self, ReportError> {
        Ok(Snapshot(connection.unchecked_transaction()?))
    }
}

impl Snapshot<'_> {
    pub(super) fn days(&self) -> Result<Option<Range>, ReportError> {
        let table = Cut::Account.table(Level::Day);
        // One by one, so that each is a look at an end of the table.
        let ends = format!("SELECT (SELECT MIN(bucket) FROM {table}), (SELECT MAX(bucket) FROM {table})");
        let (first, last): (Option<i64>, Option<i64>) =
            self.0.query_row(&ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(first.zip(last))
    }

    pub(super) fn kept_since(&self, level: Level) -> Result<Option<i64>, ReportError> {
        let mut since = self.0.prepare_cached("SELECT since FROM kept WHERE level = ?1")?;
        Ok(since.query_row([level.name()], |row| row.get(0)).optional()?)
    }

    pub(super) fn series(&self, cut: Cut, columns: &[&Column], each: &mut EachSeries<'_>) -> Result<(), ReportError> {
        let table = match cut {
            Cut::Series => "series",
            Cut::Account => "account",
        };
        let asked: String = columns.iter().map(|column| format!(", {}", column.sql())).collect();
        let mut statement = self.0.prepare(&format!("SELECT id{asked} FROM {table}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let values = (1..).zip(columns).map(|(index, column)| value(row, index, column));
            each(row.get(0)?, values.collect::<rusqlite::Result<_>>()?);
        }
        Ok(())
    }

    pub(super) fn sums(
        &self,
        cut: Cut,
        level: Level,
        (from, to): Range,
        each: &mut EachSum<'_>,
    ) -> Result<(), ReportError> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT bucket, series, calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns FROM {}
             WHERE bucket >= ?1 AND bucket < ?2 ORDER BY bucket",
            cut.table(level)
        ))?;
        let mut rows = statement.query([from, to])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?, row.get(1)?, amounts(|index| row.get(index + 2))?)?;
        }
        Ok(())
    }

    pub(super) fn adjustments(&self, (from, to): Range, max: usize) -> Result<Vec<Adjustment>, ReportError> {
        let mut statement = self.0.prepare_cached(
            "SELECT made_ns, hour, key, tenant, service, status, SUM(records), SUM(calls), SUM(bytes_in), SUM(bytes_out),
                    SUM(body_bytes_in), SUM(body_bytes), SUM(duration_ns)
             FROM adjustment JOIN series ON series.id = adjustment.series
             WHERE hour >= ?1 AND hour < ?2
             GROUP BY made_ns, hour, account ORDER BY made_ns, hour, key, service, status LIMIT ?3",
        )?;
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![from, to, max], adjustment)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn value(row: &Row<'_>, index: usize, column: &Column) -> rusqlite::Result<String> {
    match row.get_ref(index)? {
        ValueRef::Integer(number) => Ok(column.value_in(&number.to_string())),
        text => Ok(column.value_in(text.as_str()?)),
    }
}

fn adjustment(row: &Row<'_>) -> rusqlite::Result<Adjustment> {
    Ok(Adjustment {
        made_at: Time::from_nanos(row.get(0)?),
        hour: Time::from_seconds(row.get(1)?),
        key: row.get(2)?,
        tenant: row.get(3)?,
        service: row.get(4)?,
        status: row.get(5)?,
        records: u64::try_from(row.get::<_, i64>(6)?).unwrap_or(0),
        amounts: amounts(|index| row.get(index + 7))?,
    })
}
