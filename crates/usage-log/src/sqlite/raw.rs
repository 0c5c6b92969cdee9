//! The records themselves, in a table for each day.

use std::collections::BTreeSet;

use nexus_calendar::Time;
use rusqlite::{Connection, Statement, ToSql, params_from_iter};

use super::{schema::RAW_COLUMNS, series::SeriesId};
use crate::{
    amounts::Amounts,
    day::Day,
    id::{EventOutcome, Id},
    sink::Entry,
    sums::{column, columns},
};

const PREFIX: &str = "raw";
const QUARANTINE: &str = "quarantine";

/// A record as it is stored.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) ended_at: Time,
    pub(super) id: SeriesId,
    pub(super) amounts: Amounts,
    pub(super) fate: EventOutcome,
    writer: Option<i64>,
    sequence: Option<i64>,
    foreign_id: Option<&'a str>,
}

impl<'a> Row<'a> {
    pub(super) fn new(entry: &'a Entry, id: SeriesId, writer: Option<i64>, fate: EventOutcome) -> Self {
        // Held at the largest number that a column can hold.
        let mut amounts = Amounts::default();
        amounts += entry.record.amounts;
        let (sequence, foreign_id) = match &entry.id {
            Id::Own { sequence, .. } => (Some(column(*sequence)), None),
            Id::Foreign(foreign) => (None, Some(&*foreign.id)),
        };
        Row {
            ended_at: entry.record.ended_at,
            id,
            amounts,
            fate,
            writer,
            sequence,
            foreign_id,
        }
    }

    /// Whether it counts: quarantined records do not.
    pub(super) fn counts(&self) -> bool {
        self.fate == EventOutcome::Stored
    }

    fn insert(&self, statement: &mut Statement<'_>) -> rusqlite::Result<()> {
        let [calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns] = columns(&self.amounts);
        let nanos = self.ended_at.nanos();
        let values: [&dyn ToSql; 11] = [
            &nanos,
            &self.id.series,
            &calls,
            &bytes_in,
            &bytes_out,
            &body_bytes_in,
            &body_bytes,
            &duration_ns,
            &self.writer,
            &self.sequence,
            &self.foreign_id,
        ];
        statement.execute(values.as_slice()).map(drop)
    }
}

/// The records themselves: a table for each day on which they ended, so that throwing a day away is cheap.
#[derive(Debug)]
pub(super) struct Days {
    known: BTreeSet<Day>,
}

impl Days {
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        let known = day_tables(connection, PREFIX)?.into_iter().collect();
        Ok(Days { known })
    }

    /// To be called when what was made may have been rolled back.
    pub(super) fn reload(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        *self = Self::open(connection)?;
        Ok(())
    }

    /// Stores rows. Those of one day should stand together.
    pub(super) fn insert(&mut self, connection: &Connection, rows: &[Row<'_>], now: Time) -> rusqlite::Result<()> {
        let place = |row: &Row<'_>| row.counts().then(|| Day::of(row.ended_at));
        for rows in rows.chunk_by(|a, b| place(a) == place(b)) {
            let Some(day) = rows.first().map(place) else { continue };
            let (table, arrived) = match day {
                Some(day) => (self.table(connection, day)?, String::new()),
                None => (QUARANTINE.to_owned(), now.nanos().to_string()),
            };
            let (column, value) = match day {
                Some(_) => ("", String::new()),
                None => ("arrived_ns, ", arrived + ", "),
            };
            let mut statement = connection.prepare_cached(&format!(
                "INSERT INTO {table}({column}ended_ns, series, calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns,
                    writer, sequence, foreign_id) VALUES ({value}?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            ))?;
            rows.iter().try_for_each(|row| row.insert(&mut statement))?;
        }
        Ok(())
    }

    fn table(&mut self, connection: &Connection, day: Day) -> rusqlite::Result<String> {
        let table = day.table(PREFIX);
        if self.known.insert(day) {
            connection.execute_batch(&format!("CREATE TABLE {table}({RAW_COLUMNS}) STRICT"))?;
        }
        Ok(table)
    }

    /// Throws the oldest day away, if it is before `first`.
    pub(super) fn drop_before(&mut self, connection: &Connection, first: Day) -> rusqlite::Result<bool> {
        match self.known.first().copied() {
            Some(oldest) if oldest < first => {
                drop_day(connection, PREFIX, oldest)?;
                self.known.remove(&oldest);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// The days that have a table, the earliest first.
pub(super) fn day_tables(connection: &Connection, prefix: &str) -> rusqlite::Result<Vec<Day>> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ?1")?;
    let names = statement.query_map(params_from_iter([format!("{prefix}_[0-9]*")]), |row| {
        row.get::<_, String>(0)
    })?;
    let mut days = names
        .filter_map(|name| name.map(|name| Day::of_table(prefix, &name)).transpose())
        .collect::<rusqlite::Result<Vec<Day>>>()?;
    days.sort_unstable();
    Ok(days)
}

pub(super) fn drop_day(connection: &Connection, prefix: &str, day: Day) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("DROP TABLE {}", day.table(prefix)))
}
