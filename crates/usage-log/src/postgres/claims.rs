//! Which entries are new.

use std::collections::{BTreeMap, HashMap, HashSet};

use nexus_calendar::Time;
use tokio::try_join;
use tokio_postgres::{Transaction, types::Type};

use super::error::Failure;
use crate::{
    digest::{self, Digest},
    id::{EventOutcome, Id, WriterId},
    retention::Retention,
    sink::Entry,
    sums::column,
};

/// Whether entries are new. What it says is true until the end of the transaction: who offers the same ones waits for it.
#[derive(Debug)]
pub(super) struct Claims {
    writers: HashMap<WriterId, Writer>,
    /// Ids that this transaction has taken, and that no entry was given yet.
    taken: HashSet<Digest>,
    /// What is stored under an id.
    contents: HashMap<Digest, i64>,
}

#[derive(Debug, Clone, Copy)]
struct Writer {
    reference: i64,
    sequence: i64,
}

impl Claims {
    /// Locks the writers, takes the ids.
    pub(super) async fn make(
        transaction: &Transaction<'_>,
        batch: &[Entry],
        retention: &Retention,
        now: Time,
    ) -> Result<Self, Failure> {
        let mut writers = HashSet::new();
        // In one order, so that two who take the same ones do not wait for each other.
        let mut ids = BTreeMap::new();
        for entry in batch {
            match &entry.id {
                Id::Own { writer, .. } => {
                    writers.insert(*writer);
                }
                Id::Foreign(id) if !is_too_old(entry, retention, now) => {
                    ids.entry(digest::id(id))
                        .or_insert_with(|| digest::content(&entry.record, entry.timing));
                }
                Id::Foreign(_) => {}
            }
        }
        let writers = lock_writers(transaction, &writers, now).await?;
        let (taken, contents) = take_ids(transaction, &ids, now).await?;
        Ok(Claims {
            writers,
            taken,
            contents,
        })
    }

    /// What becomes of an entry; with the number that stands for its writer.
    pub(super) fn decide(
        &mut self,
        entry: &Entry,
        retention: &Retention,
        now: Time,
    ) -> Result<(EventOutcome, Option<i64>), Failure> {
        let fate = if entry.record.ended_at > now.after(retention.future_max) {
            EventOutcome::Quarantined
        } else {
            EventOutcome::Stored
        };
        match &entry.id {
            Id::Own { writer, sequence } => {
                let writer = self
                    .writers
                    .get_mut(writer)
                    .ok_or(Failure::Other("a writer has no row"))?;
                let sequence = column(*sequence);
                if sequence <= writer.sequence {
                    return Ok((EventOutcome::Duplicate, None));
                }
                writer.sequence = sequence;
                Ok((fate, Some(writer.reference)))
            }
            Id::Foreign(_) if is_too_old(entry, retention, now) => Ok((EventOutcome::TooOld, None)),
            Id::Foreign(id) => {
                let id = digest::id(id);
                if self.taken.remove(&id) {
                    return Ok((fate, None));
                }
                let content = digest::content(&entry.record, entry.timing);
                match self.contents.get(&id) {
                    Some(known) if *known == content => Ok((EventOutcome::Duplicate, None)),
                    Some(_) => Ok((EventOutcome::Conflict, None)),
                    // It was past its retention, and went between two looks.
                    None => Err(Failure::Other("an id was thrown away while it was looked for")),
                }
            }
        }
    }

    /// Writes how far the writers are.
    pub(super) async fn keep(&self, transaction: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
        if self.writers.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = self.writers.values().map(|writer| writer.reference).collect();
        let sequences: Vec<i64> = self.writers.values().map(|writer| writer.sequence).collect();
        let update = "UPDATE nexus_usage_log_writers AS writers SET sequence = n.sequence
            FROM unnest($1, $2) AS n (id, sequence) WHERE writers.id = n.id";
        let parameters: super::Parameters<'_, 2> = [(&ids, Type::INT8_ARRAY), (&sequences, Type::INT8_ARRAY)];
        transaction.query_typed(update, &parameters).await.map(drop)
    }
}

fn is_too_old(entry: &Entry, retention: &Retention, now: Time) -> bool {
    entry.record.ended_at < now.before(retention.late_max)
}

/// A transaction of the same writer that is under way, since its connection was lost, is waited for.
async fn lock_writers(
    transaction: &Transaction<'_>,
    writers: &HashSet<WriterId>,
    now: Time,
) -> Result<HashMap<WriterId, Writer>, Failure> {
    if writers.is_empty() {
        return Ok(HashMap::new());
    }
    let mut ids: Vec<&[u8]> = writers.iter().map(|writer| writer.as_bytes().as_slice()).collect();
    ids.sort_unstable();
    let now = now.nanos();
    let add = "INSERT INTO nexus_usage_log_writers (writer, since_ns, sequence)
        SELECT writer, $2, 0 FROM unnest($1) AS n (writer) ON CONFLICT DO NOTHING";
    let lock =
        "SELECT writer, id, sequence FROM nexus_usage_log_writers WHERE writer = ANY ($1) ORDER BY writer FOR UPDATE";
    let adding: super::Parameters<'_, 2> = [(&ids, Type::BYTEA_ARRAY), (&now, Type::INT8)];
    let locking: super::Parameters<'_, 1> = [(&ids, Type::BYTEA_ARRAY)];
    let (_, rows) = try_join!(
        biased;
        transaction.query_typed(add, &adding),
        transaction.query_typed(lock, &locking)
    )?;
    let mut locked = HashMap::new();
    for row in rows {
        let writer = <[u8; 16]>::try_from(row.try_get::<_, &[u8]>(0)?);
        let writer = writer.map_err(|_| Failure::Other("a writer's id is not one"))?;
        let (reference, sequence) = (row.try_get(1)?, row.try_get(2)?);
        locked.insert(WriterId(writer), Writer { reference, sequence });
    }
    Ok(locked)
}

/// Which of the ids are new, and what is stored under the others.
async fn take_ids(
    transaction: &Transaction<'_>,
    ids: &BTreeMap<Digest, i64>,
    now: Time,
) -> Result<(HashSet<Digest>, HashMap<Digest, i64>), Failure> {
    let mut contents: HashMap<Digest, i64> = HashMap::new();
    let mut taken = HashSet::new();
    if ids.is_empty() {
        return Ok((taken, contents));
    }
    let digests: Vec<&[u8]> = ids.keys().map(<[u8; 16]>::as_slice).collect();
    let offered: Vec<i64> = ids.values().copied().collect();
    let now = now.nanos();
    let take = "INSERT INTO nexus_usage_log_ids (digest, content, arrived_ns)
        SELECT digest, content, $3 FROM unnest($1, $2) AS n (digest, content)
        ON CONFLICT DO NOTHING RETURNING digest, content";
    let taking: super::Parameters<'_, 3> = [
        (&digests, Type::BYTEA_ARRAY),
        (&offered, Type::INT8_ARRAY),
        (&now, Type::INT8),
    ];
    for row in transaction.query_typed(take, &taking).await? {
        taken.insert(id_of(&row)?);
        contents.insert(id_of(&row)?, row.try_get(1)?);
    }
    let known: Vec<&[u8]> = ids
        .keys()
        .filter(|id| !taken.contains(*id))
        .map(<[u8; 16]>::as_slice)
        .collect();
    if !known.is_empty() {
        let find = "SELECT digest, content FROM nexus_usage_log_ids WHERE digest = ANY ($1)";
        for row in transaction.query_typed(find, &[(&known, Type::BYTEA_ARRAY)]).await? {
            contents.insert(id_of(&row)?, row.try_get(1)?);
        }
    }
    Ok((taken, contents))
}

fn id_of(row: &tokio_postgres::Row) -> Result<Digest, Failure> {
    Digest::try_from(row.try_get::<_, &[u8]>(0)?).map_err(|_| Failure::Other("a digest is not one"))
}
