//! Each combination of dimensions once, by number.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    digest::{self, Digest},
    record::Dimensions,
};

/// So many ids are remembered: beyond it all are forgotten and looked up anew.
const REMEMBERED_MAX: usize = 200_000;

/// The numbers that stand for dimensions in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesId {
    pub(super) series: i64,
    pub(super) account: i64,
}

/// Finds the numbers of dimensions, and gives new ones.
#[derive(Debug)]
pub(super) struct SeriesIds {
    known: HashMap<Dimensions, SeriesId, foldhash::fast::RandomState>,
    count: u64,
    max: u64,
}

impl SeriesIds {
    pub(super) fn open(connection: &Connection, max: u64) -> rusqlite::Result<Self> {
        let count: i64 = connection.query_row("SELECT COUNT(*) FROM series", [], |row| row.get(0))?;
        Ok(SeriesIds {
            known: HashMap::default(),
            count: u64::try_from(count).unwrap_or(0),
            max,
        })
    }

    /// To be called when what was given may have been rolled back.
    pub(super) fn reload(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        *self = Self::open(connection, self.max)?;
        Ok(())
    }

    pub(super) fn id_of(&mut self, connection: &Connection, dimensions: &Dimensions) -> rusqlite::Result<SeriesId> {
        if let Some(id) = self.known.get(dimensions) {
            return Ok(*id);
        }
        let id = self.find_or_add(connection, dimensions)?;
        if self.known.len() >= REMEMBERED_MAX {
            self.known.clear();
        }
        self.known.insert(dimensions.clone(), id);
        Ok(id)
    }

    fn find_or_add(&mut self, connection: &Connection, dimensions: &Dimensions) -> rusqlite::Result<SeriesId> {
        if let Some(id) = find(connection, &digest::dimensions(dimensions))? {
            return Ok(id);
        }
        if self.count < self.max {
            self.count += 1;
            return add(connection, dimensions);
        }
        let collapsed = dimensions.collapsed();
        match find(connection, &digest::dimensions(&collapsed))? {
            Some(id) => Ok(id),
            None => add(connection, &collapsed),
        }
    }
}

fn find(connection: &Connection, digest: &Digest) -> rusqlite::Result<Option<SeriesId>> {
    connection
        .prepare_cached("SELECT id, account FROM series WHERE digest = ?1")?
        .query_row([digest], |row| {
            Ok(SeriesId {
                series: row.get(0)?,
                account: row.get(1)?,
            })
        })
        .optional()
}

fn add(connection: &Connection, dimensions: &Dimensions) -> rusqlite::Result<SeriesId> {
    let account = account_of(connection, dimensions)?;
    let [key, tenant, service, route, client, method, source] = dimensions.texts();
    let labels: serde_json::Map<String, serde_json::Value> = dimensions
        .labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    connection
        .prepare_cached(
            "INSERT INTO series(digest, account, key, tenant, service, route, client, method, source, status, outcome, labels)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            digest::dimensions(dimensions),
            account,
            key,
            tenant,
            service,
            route,
            client,
            method,
            source,
            dimensions.status,
            dimensions.outcome.name(),
            serde_json::Value::Object(labels).to_string(),
        ])?;
    let series = connection.last_insert_rowid();
    Ok(SeriesId { series, account })
}

fn account_of(connection: &Connection, dimensions: &Dimensions) -> rusqlite::Result<i64> {
    let digest = digest::account(dimensions);
    let found = connection
        .prepare_cached("SELECT id FROM account WHERE digest = ?1")?
        .query_row([digest], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO account(digest, key, tenant, service, status) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            digest,
            &*dimensions.key,
            &*dimensions.tenant,
            &*dimensions.service,
            dimensions.status
        ])?;
    Ok(connection.last_insert_rowid())
}
