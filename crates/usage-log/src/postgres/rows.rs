//! The records themselves.

use std::{borrow::Cow, pin::pin};

use nexus_calendar::Time;
use tokio_postgres::{
    Error, Transaction,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

use super::text::text;
use crate::{
    amounts::Amounts,
    id::{EventOutcome, Id},
    sink::Entry,
    sums::{column, columns},
};

/// A record as it is stored.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) ended_at: Time,
    pub(super) series: i64,
    pub(super) amounts: Amounts,
    fate: EventOutcome,
    writer: Option<i64>,
    sequence: Option<i64>,
    foreign_id: Option<Cow<'a, str>>,
}

impl<'a> Row<'a> {
    pub(super) fn new(entry: &'a Entry, series: i64, writer: Option<i64>, fate: EventOutcome) -> Self {
        // Held at the largest number that a column can hold.
        let mut amounts = Amounts::default();
        amounts += entry.record.amounts;
        let (sequence, foreign_id) = match &entry.id {
            Id::Own { sequence, .. } => (Some(column(*sequence)), None),
            Id::Foreign(foreign) => (None, Some(text(&foreign.id))),
        };
        Row {
            ended_at: entry.record.ended_at,
            series,
            amounts,
            fate,
            writer,
            sequence,
            foreign_id,
        }
    }

    /// Whether it counts: quarantined records do not.
    pub(super) fn counts(&self) -> bool {
        matches!(self.fate, EventOutcome::Stored)
    }
}

/// Stores the records themselves.
pub(super) async fn insert(transaction: &Transaction<'_>, rows: &[Row<'_>], now: Time) -> Result<(), Error> {
    copy(
        transaction,
        "nexus_usage_log_raw",
        rows.iter().filter(|row| row.counts()),
        now,
    )
    .await?;
    let quarantined = rows.iter().filter(|row| !row.counts());
    copy(transaction, "nexus_usage_log_quarantine", quarantined, now).await
}

async fn copy<'a>(
    transaction: &Transaction<'_>,
    table: &str,
    rows: impl Iterator<Item = &'a Row<'a>>,
    now: Time,
) -> Result<(), Error> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let mut types = vec![Type::INT8; 11];
    types.push(Type::TEXT);
    let columns_of = "arrived_ns, ended_ns, series, calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns, writer, sequence, foreign_id";
    let copy = format!("COPY {table} ({columns_of}) FROM STDIN BINARY");
    let mut writer = pin!(BinaryCopyInWriter::new(transaction.copy_in(&copy).await?, &types));
    let arrived = now.nanos();
    for row in rows {
        let ended = row.ended_at.nanos();
        let [calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns] = columns(&row.amounts);
        let values: [&(dyn ToSql + Sync); 12] = [
            &arrived,
            &ended,
            &row.series,
            &calls,
            &bytes_in,
            &bytes_out,
            &body_bytes_in,
            &body_bytes,
            &duration_ns,
            &row.writer,
            &row.sequence,
            &row.foreign_id,
        ];
        writer.as_mut().write(&values).await?;
    }
    writer.finish().await.map(drop)
}
