//! The tables of sums and of adjustments.

use nexus_calendar::Time;
use tokio::try_join;
use tokio_postgres::{Error, Transaction, types::Type};

use super::{Parameters, rows::Row};
use crate::{
    amounts::Amounts,
    level::Level,
    retention::Retention,
    sums::{Sums, coarser, column, columns, late},
};

/// Adds rows to the sums of all levels, from the finest to the coarsest: always in this order, and by bucket and series, so
/// that two who count the same series wait for each other one way only.
pub(super) async fn add(transaction: &Transaction<'_>, rows: &[Row<'_>]) -> Result<(), Error> {
    let mut seconds = Sums::default();
    for row in rows.iter().filter(|row| row.counts()) {
        *seconds.entry((row.ended_at.seconds(), row.series)).or_default() += row.amounts;
    }
    if seconds.is_empty() {
        return Ok(());
    }
    let minutes = coarser(&seconds, Level::Minute);
    let hours = coarser(&minutes, Level::Hour);
    let days = coarser(&hours, Level::Day);
    // They are sent in this order, and nothing is waited for in between.
    try_join!(
        biased;
        merge(transaction, Level::Second, seconds),
        merge(transaction, Level::Minute, minutes),
        merge(transaction, Level::Hour, hours),
        merge(transaction, Level::Day, days),
    )?;
    Ok(())
}

/// The name of a level's table.
pub(crate) fn table(level: Level) -> String {
    format!("nexus_usage_log_by_{}", level.name())
}

/// Sums stop at the largest number of a column, since PostgreSQL's would be an error.
async fn merge(transaction: &Transaction<'_>, level: Level, sums: Sums) -> Result<(), Error> {
    const AMOUNTS: [&str; 6] = [
        "calls",
        "bytes_in",
        "bytes_out",
        "body_bytes_in",
        "body_bytes",
        "duration_ns",
    ];
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|(place, _)| *place);
    let added = AMOUNTS.map(|amount| {
        format!(
            "{amount} = CASE WHEN sums.{amount} > {max} - excluded.{amount} THEN {max} ELSE sums.{amount} + excluded.{amount} END",
            max = Amounts::MAX
        )
    });
    let merge = format!(
        "INSERT INTO {table} AS sums (bucket, series, calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns)
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (bucket, series) DO UPDATE SET {added}",
        table = table(level),
        added = added.join(", "),
    );
    let buckets: Vec<i64> = sums.iter().map(|((bucket, _), _)| *bucket).collect();
    let series: Vec<i64> = sums.iter().map(|((_, series), _)| *series).collect();
    let [calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns] =
        turned(sums.iter().map(|(_, amounts)| amounts));
    let parameters: Parameters<'_, 8> = [
        (&buckets, Type::INT8_ARRAY),
        (&series, Type::INT8_ARRAY),
        (&calls, Type::INT8_ARRAY),
        (&bytes_in, Type::INT8_ARRAY),
        (&bytes_out, Type::INT8_ARRAY),
        (&body_bytes_in, Type::INT8_ARRAY),
        (&body_bytes, Type::INT8_ARRAY),
        (&duration_ns, Type::INT8_ARRAY),
    ];
    transaction.query_typed(&merge, &parameters).await.map(drop)
}

/// Notes which of the rows belong to hours that are closed.
pub(super) async fn adjust(
    transaction: &Transaction<'_>,
    rows: &[Row<'_>],
    retention: &Retention,
    now: Time,
) -> Result<(), Error> {
    let counted = rows.iter().filter(|row| row.counts());
    let late = late(
        counted.map(|row| (row.ended_at, row.series, row.amounts)),
        now,
        retention.closes_after,
    );
    if late.is_empty() {
        return Ok(());
    }
    let hours: Vec<i64> = late.keys().map(|(hour, _)| *hour).collect();
    let series: Vec<i64> = late.keys().map(|(_, series)| *series).collect();
    let records: Vec<i64> = late.values().map(|(records, _)| column(*records)).collect();
    let [calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns] =
        turned(late.values().map(|(_, amounts)| amounts));
    let now = now.nanos();
    let parameters: Parameters<'_, 10> = [
        (&now, Type::INT8),
        (&hours, Type::INT8_ARRAY),
        (&series, Type::INT8_ARRAY),
        (&records, Type::INT8_ARRAY),
        (&calls, Type::INT8_ARRAY),
        (&bytes_in, Type::INT8_ARRAY),
        (&bytes_out, Type::INT8_ARRAY),
        (&body_bytes_in, Type::INT8_ARRAY),
        (&body_bytes, Type::INT8_ARRAY),
        (&duration_ns, Type::INT8_ARRAY),
    ];
    let add = "INSERT INTO nexus_usage_log_adjustments
        (made_ns, hour, series, records, calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns)
        SELECT $1, n.* FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) AS n";
    transaction.query_typed(add, &parameters).await.map(drop)
}

/// Amounts by column.
fn turned<'a>(amounts: impl Iterator<Item = &'a Amounts>) -> [Vec<i64>; 6] {
    let mut turned: [Vec<i64>; 6] = Default::default();
    for amounts in amounts {
        for (column, amount) in turned.iter_mut().zip(columns(amounts)) {
            column.push(amount);
        }
    }
    turned
}
