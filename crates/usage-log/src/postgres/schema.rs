//! The tables, and the version of their form.

use tokio_postgres::{Client, Error};

use super::{error::Failure, lock};

/// The version of `schema.sql`.
pub(super) const VERSION: i32 = 2;

/// Makes the tables if there are none; refuses those of another version.
pub(super) async fn prepare(client: &mut Client) -> Result<(), Failure> {
    let version = match version(client).await? {
        Some(version) => version,
        None => create(client).await?,
    };
    match version {
        VERSION => Ok(()),
        other => Err(Failure::Version(other)),
    }
}

/// One of those who come at once makes them, the others wait for it.
async fn create(client: &mut Client) -> Result<i32, Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(lock::SCHEMA).await?;
    if let Some(version) = version(transaction.client()).await? {
        return Ok(version);
    }
    transaction.batch_execute(include_str!("schema.sql")).await?;
    transaction.commit().await?;
    Ok(VERSION)
}

async fn version(client: &Client) -> Result<Option<i32>, Error> {
    // Not `to_regclass`: once it has not found a table, a session remembers that beyond the lock of whoever makes it.
    let exists = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'nexus_usage_log' AND pg_table_is_visible(oid))";
    let exists: bool = client.query_typed_one(exists, &[]).await?.try_get(0)?;
    if !exists {
        return Ok(None);
    }
    let version = "SELECT version FROM nexus_usage_log";
    client.query_typed_one(version, &[]).await?.try_get(0).map(Some)
}
