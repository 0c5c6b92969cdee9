//! Tables that many programs use, and one of them makes.

use tokio_postgres::{Client, Error};

use crate::SchemaError;

/// Tables of which one says their version, in the one row and the column `version` that it has.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The table that says it. Nothing is quoted: a plain name.
    pub table: &'static str,
    /// The version that is known here.
    pub version: i32,
    /// The statements that make the tables, in that version.
    pub create: &'static str,
    /// The statements that turn a version into the next one, by the version that they turn.
    pub upgrades: &'static [(i32, &'static str)],
    /// The advisory lock that is held meanwhile, to the end of the transaction.
    pub lock: (i32, i32),
}

impl Schema {
    /// Makes the tables if there are none, or brings them up to date; refuses those of another version.
    pub(crate) async fn prepare(&self, client: &mut Client) -> Result<(), SchemaError> {
        match self.version_in(client).await? {
            Some(version) if version == self.version => Ok(()),
            Some(version) if version > self.version => Err(self.newer(version)),
            Some(_) | None => self.make(client).await,
        }
    }

    /// One of those who come at once makes them, the others wait for it and find them.
    async fn make(&self, client: &mut Client) -> Result<(), SchemaError> {
        let transaction = client.transaction().await?;
        let (class, object) = self.lock;
        let lock = format!("SELECT pg_advisory_xact_lock({class}, {object})");
        transaction.batch_execute(&lock).await?;
        match self.version_in(transaction.client()).await? {
            None => transaction.batch_execute(self.create).await?,
            Some(mut version) => {
                while version < self.version {
                    let upgrade = self.upgrades.iter().find(|(from, _)| *from == version);
                    let (_, statements) = upgrade.ok_or_else(|| self.older(version))?;
                    transaction.batch_execute(statements).await?;
                    version += 1;
                    let note = format!("UPDATE {} SET version = {version}", self.table);
                    transaction.batch_execute(&note).await?;
                }
                if version > self.version {
                    return Err(self.newer(version));
                }
            }
        }
        Ok(transaction.commit().await?)
    }

    async fn version_in(&self, client: &Client) -> Result<Option<i32>, Error> {
        let Schema { table, .. } = self;
        // Not `to_regclass`: once it has not found a table, a session remembers that beyond the lock of whoever makes it.
        let exists =
            format!("SELECT EXISTS (SELECT FROM pg_class WHERE relname = '{table}' AND pg_table_is_visible(oid))");
        let exists: bool = client.query_typed_one(&exists, &[]).await?.try_get(0)?;
        if !exists {
            return Ok(None);
        }
        let version = format!("SELECT version FROM {table}");
        client.query_typed_one(&version, &[]).await?.try_get(0).map(Some)
    }

    fn newer(&self, found: i32) -> SchemaError {
        SchemaError::Newer {
            table: self.table,
            found,
            known: self.version,
        }
    }

    fn older(&self, found: i32) -> SchemaError {
        SchemaError::Older {
            table: self.table,
            found,
            known: self.version,
        }
    }
}
