//! Whom to connect to, and how.

use std::{fmt, time::Duration};

use nexus_trust::{Secret, client_tls};
use tokio::time::timeout;
use tokio_postgres::{Config, Error, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{ConnectError, Connection, Schema, SettingsError, url};

/// A database: its hosts, its name, and who comes to it.
#[derive(Clone)]
pub struct Database {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    hosts: String,
    timeouts: Timeouts,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// A connection, until it can be used.
    pub connect: Duration,
    /// A statement, and the time between two of a transaction. The server ends them.
    pub statement: Duration,
}

impl Database {
    /// The database of this URL. Connects to nothing yet. The server is told who comes, unless the URL says it.
    ///
    /// # Errors
    /// The URL or the authorities cannot be used.
    pub fn new(
        url: &Secret,
        authorities: Option<&[u8]>,
        application: &str,
        timeouts: Timeouts,
    ) -> Result<Self, SettingsError> {
        let mut config = url::parse(url.expose())?;
        if config.get_application_name().is_none() {
            config.application_name(application);
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(MakeRustlsConnect::new(client_tls(authorities)?)),
            _ => None,
        };
        if tls.is_none() {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_connect_timeout().is_none() {
            // A host that takes no connection leaves time for those after it.
            let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
            config.connect_timeout(timeouts.connect / u32::try_from(hosts).unwrap_or(u32::MAX).max(1));
        }
        Ok(Database {
            hosts: url::hosts(&config),
            config,
            tls,
            timeouts,
        })
    }

    /// Connects to the first host that can be used, and sees that the tables are there.
    ///
    /// # Errors
    /// There is no such host, or not in time, or its tables cannot be used.
    pub async fn connect(&self, schema: &Schema) -> Result<Connection, ConnectError> {
        let Timeouts { connect, .. } = self.timeouts;
        let connected = async {
            let mut connection = self.open().await.map_err(|source| ConnectError::Postgres {
                hosts: self.hosts.clone(),
                source,
            })?;
            schema
                .prepare(&mut connection.client)
                .await
                .map_err(ConnectError::Schema)?;
            Ok(connection)
        };
        timeout(connect, connected).await.unwrap_or_else(|_| {
            Err(ConnectError::Timeout {
                hosts: self.hosts.clone(),
                timeout: connect,
            })
        })
    }

    async fn open(&self) -> Result<Connection, Error> {
        let connection = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Connection::drive(client, connection)
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                Connection::drive(client, connection)
            }
        };
        // What is looked for after a lock was waited for must be what is there by then, which other levels forbid.
        let session = format!(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
             SET statement_timeout = {ms}; SET idle_in_transaction_session_timeout = {ms}",
            // Zero is no limit.
            ms = self.timeouts.statement.as_millis().max(1)
        );
        connection.client.batch_execute(&session).await?;
        Ok(connection)
    }
}

impl fmt::Debug for Database {
    /// Without who comes to it, and their password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("hosts", &self.hosts)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}
