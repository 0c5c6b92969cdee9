//! Each combination of dimensions once, by number.

use std::collections::HashMap;

use tokio_postgres::{
    Client, Row,
    types::{ToSql, Type},
};

use super::{error::Failure, text::text};
use crate::{
    digest::{self, Digest},
    record::Dimensions,
    sink::Entry,
    sums::column,
};

/// So many ids are remembered: beyond it all are forgotten and looked up anew.
const REMEMBERED_MAX: usize = 200_000;

/// The numbers that stand for dimensions. They are given in transactions of their own: one that nothing was counted under
/// does no harm, and what is remembered here is never rolled back.
#[derive(Debug, Default)]
pub(super) struct SeriesIds {
    known: HashMap<Dimensions, i64, foldhash::fast::RandomState>,
}

type Found = HashMap<Digest, i64>;

impl SeriesIds {
    /// The number of each entry's series, in order.
    pub(super) async fn of(&mut self, client: &Client, batch: &[Entry], max: u64) -> Result<Vec<i64>, Failure> {
        if self.known.len() >= REMEMBERED_MAX {
            self.known.clear();
        }
        let all = batch.iter().map(|entry| &entry.record.dimensions);
        let unknown: HashMap<Digest, &Dimensions> = all
            .clone()
            .filter(|dimensions| !self.known.contains_key(*dimensions))
            .map(|dimensions| (digest::dimensions(dimensions), dimensions))
            .collect();
        if !unknown.is_empty() {
            self.learn(client, unknown, max).await?;
        }
        let ids = all.map(|dimensions| self.known.get(dimensions).copied());
        ids.collect::<Option<_>>()
            .ok_or(Failure::Other("a series has no number"))
    }

    async fn learn(&mut self, client: &Client, unknown: HashMap<Digest, &Dimensions>, max: u64) -> Result<(), Failure> {
        let found = find_or_add(client, &unknown, max).await?;
        let (told_apart, others): (Vec<_>, Vec<_>) =
            unknown.into_iter().partition(|(digest, _)| found.contains_key(digest));
        for (digest, dimensions) in told_apart {
            self.known
                .extend(found.get(&digest).map(|id| (dimensions.clone(), *id)));
        }
        let collapsed: Vec<_> = others.iter().map(|(_, dimensions)| dimensions.collapsed()).collect();
        let by_digest = collapsed
            .iter()
            .map(|dimensions| (digest::dimensions(dimensions), dimensions));
        let found = find_or_add(client, &by_digest.collect(), u64::MAX).await?;
        for ((_, dimensions), collapsed) in others.into_iter().zip(&collapsed) {
            let id = found.get(&digest::dimensions(collapsed));
            self.known.extend(id.map(|id| (dimensions.clone(), *id)));
        }
        Ok(())
    }
}

/// Those that are there, or that there is room for.
async fn find_or_add(client: &Client, wanted: &HashMap<Digest, &Dimensions>, max: u64) -> Result<Found, Failure> {
    let mut found = Found::new();
    let mut missing: Vec<(&Digest, &Dimensions)> = wanted
        .iter()
        .map(|(digest, dimensions)| (digest, *dimensions))
        .collect();
    // In one order, so that two who add the same ones do not wait for each other.
    missing.sort_unstable_by_key(|(digest, _)| **digest);
    find(client, &mut missing, &mut found).await?;
    if !missing.is_empty() {
        let added = add(client, &missing, max).await?;
        collect(&added, &mut missing, &mut found)?;
    }
    // Someone else may have added them meanwhile.
    find(client, &mut missing, &mut found).await?;
    Ok(found)
}

async fn find(client: &Client, missing: &mut Vec<(&Digest, &Dimensions)>, found: &mut Found) -> Result<(), Failure> {
    if missing.is_empty() {
        return Ok(());
    }
    let digests: Vec<&[u8]> = missing.iter().map(|(digest, _)| digest.as_slice()).collect();
    let find = "SELECT digest, id FROM nexus_usage_log_series WHERE digest = ANY ($1)";
    let rows = client.query_typed(find, &[(&digests, Type::BYTEA_ARRAY)]).await?;
    collect(&rows, missing, found)
}

fn collect(rows: &[Row], missing: &mut Vec<(&Digest, &Dimensions)>, found: &mut Found) -> Result<(), Failure> {
    for row in rows {
        let digest =
            Digest::try_from(row.try_get::<_, &[u8]>(0)?).map_err(|_| Failure::Other("a digest is not one"))?;
        found.insert(digest, row.try_get(1)?);
    }
    missing.retain(|(digest, _)| !found.contains_key(*digest));
    Ok(())
}

/// Numbers are given one after the other and series are never deleted: the largest number tells how many there are at most.
const ADD: &str = "
    INSERT INTO nexus_usage_log_series
        (digest, key, tenant, service, route, client, method, source, status, outcome, labels)
    SELECT digest, key, tenant, service, route, client, method, source, status, outcome, labels::jsonb
    FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY
        AS n (digest, key, tenant, service, route, client, method, source, status, outcome, labels, place)
    WHERE place <= $12 - (SELECT COALESCE(max(id), 0) FROM nexus_usage_log_series)
    ORDER BY place
    ON CONFLICT DO NOTHING RETURNING digest, id";

async fn add(client: &Client, missing: &[(&Digest, &Dimensions)], max: u64) -> Result<Vec<Row>, Failure> {
    let digests: Vec<&[u8]> = missing.iter().map(|(digest, _)| digest.as_slice()).collect();
    let mut texts: [Vec<_>; 7] = Default::default();
    for (_, dimensions) in missing {
        for (column, value) in texts.iter_mut().zip(dimensions.texts()) {
            column.push(text(value));
        }
    }
    let statuses: Vec<i32> = missing.iter().map(|(_, dimensions)| dimensions.status.into()).collect();
    let outcomes: Vec<&str> = missing
        .iter()
        .map(|(_, dimensions)| dimensions.outcome.name())
        .collect();
    let labels: Vec<String> = missing.iter().map(|(_, dimensions)| labels_of(dimensions)).collect();
    let max = column(max);
    let mut parameters: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&digests, Type::BYTEA_ARRAY)];
    parameters.extend(
        texts
            .iter()
            .map(|column| (column as &(dyn ToSql + Sync), Type::TEXT_ARRAY)),
    );
    parameters.push((&statuses, Type::INT4_ARRAY));
    parameters.push((&outcomes, Type::TEXT_ARRAY));
    parameters.push((&labels, Type::TEXT_ARRAY));
    parameters.push((&max, Type::INT8));
    Ok(client.query_typed(ADD, &parameters).await?)
}

fn labels_of(dimensions: &Dimensions) -> String {
    let labels = dimensions.labels.iter();
    let labels = labels.map(|(name, value)| (text(name).into_owned(), text(value).into_owned().into()));
    serde_json::Value::Object(labels.collect()).to_string()
}
