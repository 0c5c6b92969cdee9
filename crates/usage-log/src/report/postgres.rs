//! What a report reads from a PostgreSQL database.

use std::{error::Error, thread, time::Duration};

use nexus_calendar::Time;
use nexus_postgres::{Database, said};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_postgres::{IsolationLevel, Row, Transaction, types::Type};

use super::{
    Adjustment, Column, ReportError,
    plan::Range,
    tables::{EachSeries, EachSum, Tables, amounts},
};
use crate::{
    level::Level,
    postgres::{PostgresSettings, PostgresSettingsError, SCHEMA, database, table},
};

/// So many sums are fetched at once.
const PAGE_ROWS: usize = 10_000;

/// A database that reports are made from.
#[derive(Debug)]
pub(super) struct Reader {
    database: Database,
    operation_timeout: Duration,
}

impl Reader {
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, PostgresSettingsError> {
        Ok(Reader {
            database: database(settings)?,
            operation_timeout: settings.operation_timeout,
        })
    }

    /// Reads one state of the database, over a connection and on a thread of its own: the calling one may belong to an
    /// asynchronous runtime, in which nobody may wait.
    pub(super) fn read<T: Send>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, ReportError> + Send,
    ) -> Result<T, ReportError> {
        thread::scope(|scope| {
            let reading = thread::Builder::new()
                .name("usage-report".to_owned())
                .spawn_scoped(scope, || self.read_here(work))
                .map_err(failed)?;
            reading.join().unwrap_or_else(|_| Err(failed("the report panicked")))
        })
    }

    fn read_here<T>(&self, work: impl FnOnce(&mut Tables<'_>) -> Result<T, ReportError>) -> Result<T, ReportError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut connection = runtime.block_on(self.database.connect(&SCHEMA)).map_err(failed)?;
        let begun = connection
            .client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true);
        let transaction = runtime.block_on(begun.start()).map_err(refused)?;
        work(&mut Tables::Postgres(Snapshot {
            runtime: &runtime,
            transaction,
            operation_timeout: self.operation_timeout,
        }))
    }
}

/// The database as of the first read, until this is dropped.
pub(super) struct Snapshot<'a> {
    runtime: &'a Runtime,
    transaction: Transaction<'a>,
    operation_timeout: Duration,
}

impl std::fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

impl Snapshot<'_> {
    pub(super) fn days(&self) -> Result<Option<Range>, ReportError> {
        let table = table(Level::Day);
        let ends = format!("SELECT MIN(bucket), MAX(bucket) FROM {table}");
        let row = self.rows(&ends)?.into_iter().next();
        let ends = row.map(|row| Ok::<_, ReportError>((row.try_get(0)?, row.try_get(1)?)));
        let (first, last): (Option<i64>, Option<i64>) = ends.transpose()?.unwrap_or_default();
        Ok(first.zip(last))
    }

    pub(super) fn kept_since(&self, level: Level) -> Result<Option<i64>, ReportError> {
        let since = "SELECT since FROM nexus_usage_log_kept WHERE level = $1";
        let name = level.name();
        let rows = self.wait(self.transaction.query_typed(since, &[(&name, Type::TEXT)]))?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    pub(super) fn series(&self, columns: &[&Column], each: &mut EachSeries<'_>) -> Result<(), ReportError> {
        let asked: String = columns
            .iter()
            .map(|column| format!(", {}::text", column.sql()))
            .collect();
        self.page(&format!("SELECT id{asked} FROM nexus_usage_log_series"), &mut |row| {
            let values = (1..).zip(columns).map(|(index, column)| value(row, index, column));
            each(row.try_get(0)?, values.collect::<Result<_, _>>()?);
            Ok(())
        })
    }

    pub(super) fn sums(&self, level: Level, (from, to): Range, each: &mut EachSum<'_>) -> Result<(), ReportError> {
        let sums = format!(
            "SELECT bucket, series, calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns FROM {}
             WHERE bucket >= {from} AND bucket < {to} ORDER BY bucket",
            table(level)
        );
        self.page(&sums, &mut |row| {
            each(
                row.try_get(0)?,
                row.try_get(1)?,
                amounts(|index| row.try_get(index + 2))?,
            )
        })
    }

    pub(super) fn adjustments(&self, (from, to): Range, max: usize) -> Result<Vec<Adjustment>, ReportError> {
        let amounts = [
            "records",
            "calls",
            "bytes_in",
            "bytes_out",
            "body_bytes_in",
            "body_bytes",
            "duration_ns",
        ];
        // Held at the largest number of a column, as all sums are.
        let summed = amounts.map(|amount| format!("LEAST(SUM({amount}), {})::bigint", i64::MAX));
        let rows = self.rows(&format!(
            "SELECT made_ns, hour, key, tenant, service, status, {summed}
             FROM nexus_usage_log_adjustments AS adjustment JOIN nexus_usage_log_series AS series ON series.id = adjustment.series
             WHERE hour >= {from} AND hour < {to}
             GROUP BY made_ns, hour, key, tenant, service, status
             ORDER BY made_ns, hour, key, service, status LIMIT {max}",
            summed = summed.join(", "),
        ))?;
        rows.iter().map(adjustment).collect()
    }

    /// All rows of a question that may have many, some at a time.
    fn page(&self, select: &str, each: &mut dyn FnMut(&Row) -> Result<(), ReportError>) -> Result<(), ReportError> {
        self.execute(&format!("DECLARE pages NO SCROLL CURSOR FOR {select}"))?;
        loop {
            let rows = self.rows(&format!("FETCH {PAGE_ROWS} FROM pages"))?;
            rows.iter().try_for_each(&mut *each)?;
            if rows.len() < PAGE_ROWS {
                return self.execute("CLOSE pages");
            }
        }
    }

    fn rows(&self, select: &str) -> Result<Vec<Row>, ReportError> {
        self.wait(self.transaction.query_typed(select, &[]))
    }

    fn execute(&self, statement: &str) -> Result<(), ReportError> {
        self.wait(self.transaction.batch_execute(statement))
    }

    fn wait<T>(&self, asking: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, ReportError> {
        let answered = self
            .runtime
            .block_on(async { timeout(self.operation_timeout, asking).await });
        Ok(answered.map_err(|_| failed("no answer in time"))??)
    }
}

impl From<tokio_postgres::Error> for ReportError {
    fn from(error: tokio_postgres::Error) -> Self {
        refused(error)
    }
}

fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> ReportError {
    ReportError::Postgres(error.into())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn refused(error: tokio_postgres::Error) -> ReportError {
    failed(said(&error))
}

fn value(row: &Row, index: usize, column: &Column) -> Result<String, tokio_postgres::Error> {
    Ok(column.value_in(row.try_get(index)?))
}

fn adjustment(row: &Row) -> Result<Adjustment, ReportError> {
    Ok(Adjustment {
        made_at: Time::from_nanos(row.try_get(0)?),
        hour: Time::from_seconds(row.try_get(1)?),
        key: row.try_get(2)?,
        tenant: row.try_get(3)?,
        service: row.try_get(4)?,
        status: u16::try_from(row.try_get::<_, i32>(5)?).unwrap_or(0),
        records: u64::try_from(row.try_get::<_, i64>(6)?).unwrap_or(0),
        amounts: amounts(|index| row.try_get(index + 7))?,
    })
}
