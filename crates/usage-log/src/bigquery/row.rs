//! A record as a row.

use std::fmt::Write as _;

use nexus_calendar::Time;
use serde_json::{Value, json};

use crate::{digest, id::Id, sink::Entry};

/// A record as it is sent.
#[derive(Debug)]
pub(super) struct Row {
    /// Where it is in its batch.
    pub(super) index: usize,
    pub(super) insert_id: String,
    pub(super) is_quarantined: bool,
    /// Its JSON, with the id.
    pub(super) text: String,
}

impl Row {
    pub(super) fn new(index: usize, insert_id: String, entry: &Entry, is_quarantined: bool, now: Time) -> Self {
        let row = json!({ "insertId": insert_id, "json": values(&insert_id, entry, is_quarantined, now) });
        Row {
            index,
            insert_id,
            is_quarantined,
            text: row.to_string(),
        }
    }
}

/// What BigQuery takes for the same row: the writer and the number, or a digest of scope, source and id. It may have 128
/// bytes.
pub(super) fn insert_id(id: &Id) -> String {
    match id {
        Id::Own { writer, sequence } => format!("{writer}-{sequence}"),
        Id::Foreign(foreign) => digest::id(foreign).iter().fold(String::new(), |mut text, byte| {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }),
    }
}

/// Integers of 64 bits are texts, since numbers in JSON may be taken for floating-point ones.
fn values(id: &str, entry: &Entry, is_quarantined: bool, now: Time) -> Value {
    let record = &entry.record;
    let [key, tenant, service, route, client, method, source] = record.dimensions.texts();
    let labels = record.dimensions.labels.iter();
    let labels: Vec<_> = labels
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let foreign_id = match &entry.id {
        Id::Own { .. } => None,
        Id::Foreign(foreign) => Some(&*foreign.id),
    };
    let mut amounts = crate::Amounts::default();
    // Held at the largest number that a column can hold.
    amounts += record.amounts;
    json!({
        "id": id,
        "arrived_at": timestamp(now),
        "timestamp": timestamp(record.ended_at),
        "ended_ns": record.ended_at.nanos().to_string(),
        "quarantined": is_quarantined,
        "key": key,
        "tenant": tenant,
        "service": service,
        "route": route,
        "client": client,
        "method": method,
        "status": record.dimensions.status,
        "outcome": record.dimensions.outcome.name(),
        "source": source,
        "labels": labels,
        "calls": amounts.calls.to_string(),
        "bytes_in": amounts.bytes_in.to_string(),
        "bytes": amounts.bytes_out.to_string(),
        "body_bytes_in": amounts.body_bytes_in.to_string(),
        "body_bytes": amounts.body_bytes.to_string(),
        "duration_ns": amounts.duration_ns.to_string(),
        "foreign_id": foreign_id,
    })
}

/// In microseconds, which is what BigQuery has.
fn timestamp(time: Time) -> String {
    Time::from_nanos(time.nanos().saturating_sub(time.nanos().rem_euclid(1_000))).to_string()
}
