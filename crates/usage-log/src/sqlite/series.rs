//! Each combination of dimensions once, by number.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    digest::{self, Digest},
    record::Dimensions,
    retention::Retention,
    shares::{COUNTS, Shares},
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
    shares: Shares,
}

impl SeriesIds {
    pub(super) fn open(connection: &Connection, retention: &Retention) -> rusqlite::Result<Self> {
        let mut ids = SeriesIds {
            known: HashMap::default(),
            shares: Shares::new(retention),
        };
        ids.reload(connection)?;
        Ok(ids)
    }

    /// To be called when what was given may have been rolled back.
    pub(super) fn reload(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.known.clear();
        let mut counts = connection.prepare(&format!("SELECT {COUNTS} FROM series GROUP BY maker"))?;
        let counts = counts.query_map([], |row| {
            Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
        })?;
        self.shares.refill(counts.collect::<rusqlite::Result<Vec<_>>>()?);
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
        let forms = self.shares.forms(dimensions);
        for form in &forms {
            if let Some(id) = find(connection, &digest::dimensions(form))? {
                return Ok(id);
            }
        }
        let form = forms.last().unwrap_or(dimensions);
        self.shares.added(form);
        add(connection, form)
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
