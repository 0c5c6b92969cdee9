use tokio_postgres::{Client, Error};

use super::error::explain;
use crate::ledger::{ErrorKind, LedgerError};

/// The version of `schema.sql`.
const VERSION: i32 = 1;

/// What all writers counted of some subjects in one month, and what of it one writer did.
pub(super) const SUMS: &str = include_str!("sums.sql");

/// What all writers counted, by month and subject.
pub(super) const REPORT: &str = include_str!("report.sql");

/// Makes the tables and functions if there are none; refuses those of another version.
pub(super) async fn prepare(operation: &'static str, client: &mut Client) -> Result<(), LedgerError> {
    let failed = |error| explain(operation, error);
    let version = match version(client).await.map_err(failed)? {
        Some(version) => version,
        None => create(client).await.map_err(failed)?,
    };
    if version == VERSION {
        return Ok(());
    }
    let why = format!("its tables have version {version}, this program knows version {VERSION}");
    Err(LedgerError::new(ErrorKind::Refused, operation, why))
}

/// One of those who come at once makes them, the others wait for it.
async fn create(client: &mut Client) -> Result<i32, Error> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("SELECT pg_advisory_xact_lock(4567, 0)")
        .await?;
    if let Some(version) = version(transaction.client()).await? {
        return Ok(version);
    }
    transaction.batch_execute(include_str!("schema.sql")).await?;
    transaction.commit().await?;
    Ok(VERSION)
}

async fn version(client: &Client) -> Result<Option<i32>, Error> {
    // Not `to_regclass`: once it has not found a table, a session remembers that beyond the lock of whoever makes it.
    let exists =
        "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'nexus_usage_ledger' AND pg_table_is_visible(oid))";
    let exists: bool = client.query_typed_one(exists, &[]).await?.try_get(0)?;
    if !exists {
        return Ok(None);
    }
    let version = "SELECT version FROM nexus_usage_ledger";
    client.query_typed_one(version, &[]).await?.try_get(0).map(Some)
}
