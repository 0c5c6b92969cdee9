//! Throws away what is past its retention, piece by piece.

use std::time::Duration;

use nexus_calendar::Time;
use tokio_postgres::{Client, Transaction, types::Type};

use super::{days::Days, error::Failure, lock, sums};
use crate::{day::Day, level::Level, retention::Retention, sink::Tended};

/// How many rows are deleted at once.
const PIECE_ROWS: i64 = 10_000;

/// Throws one bounded piece of what is past its retention away. If someone else does at this moment, it is theirs to do.
pub(super) async fn throw_away(
    client: &mut Client,
    days: &mut Days,
    retention: &Retention,
    now: Time,
) -> Result<Tended, Failure> {
    let transaction = client.transaction().await?;
    let is_ours: bool = transaction
        .query_typed_one(lock::TRY_RETENTION, &[])
        .await?
        .try_get(0)?;
    if !is_ours {
        return Ok(Tended::Done);
    }
    let raw_since = now.before(retention.raw_kept);
    let ids_since = now.before(retention.ids_kept());
    let did = days.drop_before(transaction.client(), Day::of(raw_since)).await?
        || delete(&transaction, "nexus_usage_log_ids", "arrived_ns", ids_since.nanos()).await?
        || delete(
            &transaction,
            "nexus_usage_log_quarantine",
            "arrived_ns",
            raw_since.nanos(),
        )
        .await?
        || delete_sums(&transaction, Level::Second, retention.seconds_kept, now).await?
        || delete_sums(&transaction, Level::Minute, retention.minutes_kept, now).await?
        || delete_sums(&transaction, Level::Hour, retention.hours_kept, now).await?;
    transaction.commit().await?;
    Ok(if did { Tended::More } else { Tended::Done })
}

async fn delete_sums(transaction: &Transaction<'_>, level: Level, kept: Duration, now: Time) -> Result<bool, Failure> {
    let since = Level::Day.floor(now.before(kept).seconds());
    let did = delete(transaction, &sums::table(level), "bucket", since).await?;
    if did {
        let note = "INSERT INTO nexus_usage_log_kept AS kept (level, since) VALUES ($1, $2)
            ON CONFLICT (level) DO UPDATE SET since = GREATEST(kept.since, excluded.since)";
        let parameters: super::Parameters<'_, 2> = [(&level.name(), Type::TEXT), (&since, Type::INT8)];
        transaction.query_typed(note, &parameters).await?;
    }
    Ok(did)
}

async fn delete(transaction: &Transaction<'_>, table: &str, column: &str, before: i64) -> Result<bool, Failure> {
    let delete = format!(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM {table} WHERE {column} < $1 ORDER BY {column} LIMIT {PIECE_ROWS}))"
    );
    let deleted = transaction.execute_typed(&delete, &[(&before, Type::INT8)]).await?;
    Ok(deleted > 0)
}
