//! How far each writer is stored.

use std::collections::HashMap;

use nexus_calendar::Time;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    id::{Id, WriterId},
    sink::Gap,
    sums::column,
};

/// How far each writer's records are stored. Since their numbers come in rising order, one number per writer tells all
/// repeats, for good.
#[derive(Debug, Default)]
pub(super) struct Writers {
    known: HashMap<WriterId, Writer>,
}

#[derive(Debug, Clone, Copy)]
struct Writer {
    reference: i64,
    sequence: u64,
    is_changed: bool,
}

impl Writers {
    /// To be called when what was noted may have been rolled back.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// Notes that a record is being stored. Says whether it is a new one.
    pub(super) fn advance(
        &mut self,
        connection: &Connection,
        id: WriterId,
        sequence: u64,
        now: Time,
    ) -> rusqlite::Result<bool> {
        let writer = match self.known.get_mut(&id) {
            Some(writer) => writer,
            None => self.known.entry(id).or_insert(find_or_add(connection, id, now)?),
        };
        if sequence <= writer.sequence {
            return Ok(false);
        }
        writer.sequence = sequence;
        writer.is_changed = true;
        Ok(true)
    }

    /// The number that stands for the writer of a record in the file.
    pub(super) fn reference(&self, id: &Id) -> Option<i64> {
        match id {
            Id::Own { writer, .. } => self.known.get(writer).map(|writer| writer.reference),
            Id::Foreign(_) => None,
        }
    }

    /// Writes what was noted.
    pub(super) fn keep(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for writer in self.known.values_mut().filter(|writer| writer.is_changed) {
            connection
                .prepare_cached("UPDATE writer SET sequence = ?2 WHERE id = ?1")?
                .execute(params![writer.reference, column(writer.sequence)])?;
            writer.is_changed = false;
        }
        Ok(())
    }
}

fn find_or_add(connection: &Connection, id: WriterId, now: Time) -> rusqlite::Result<Writer> {
    let found = connection
        .prepare_cached("SELECT id, sequence FROM writer WHERE writer = ?1")?
        .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    let (reference, sequence) = match found {
        Some(found) => found,
        None => {
            connection
                .prepare_cached("INSERT INTO writer(writer, since_ns, sequence) VALUES (?1, ?2, 0)")?
                .execute(params![id.as_bytes(), now.nanos()])?;
            (connection.last_insert_rowid(), 0)
        }
    };
    Ok(Writer {
        reference,
        sequence: u64::try_from(sequence).unwrap_or(0),
        is_changed: false,
    })
}

pub(super) fn note_gap(connection: &Connection, gap: Gap, now: Time) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO gap(writer, last, last_possible, noted_ns) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            gap.writer.as_bytes(),
            column(gap.last),
            column(gap.last_possible),
            now.nanos()
        ])?;
    Ok(())
}
