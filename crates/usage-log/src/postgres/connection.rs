//! How the database is reached.

use std::{fmt, time::Duration};

use tokio::time::timeout;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket, config::SslMode, tls::TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresSettings, PostgresSettingsError, error::Failure, schema};
use crate::trust;

/// Whom to connect to, and how.
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    connect_timeout: Duration,
    statement_timeout_ms: u128,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Connector {
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, PostgresSettingsError> {
        // What is wrong with a URL could quote the password in it.
        let malformed = |_| PostgresSettingsError::new("the database's URL is malformed");
        let mut config: Config = settings.url().parse().map_err(malformed)?;
        if config.get_application_name().is_none() {
            config.application_name("nexus-usage-log");
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(MakeRustlsConnect::new(tls(settings)?)),
            _ => None,
        };
        if tls.is_none() {
            config.ssl_mode(SslMode::Disable);
        }
        Ok(Connector {
            config,
            tls,
            connect_timeout: settings.connect_timeout,
            statement_timeout_ms: settings.operation_timeout.as_millis().max(1),
        })
    }

    /// Connects, and sees that the tables are there.
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        let connecting = timeout(self.connect_timeout, self.open());
        let mut client = connecting
            .await
            .map_err(|_| Failure::Other("no connection in time"))??;
        // What is looked for after a lock was waited for must be what is there by then, which other levels forbid. A
        // transaction that nobody waits for any more ends, and gives its locks back.
        let session = format!(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
             SET statement_timeout = {ms}; SET idle_in_transaction_session_timeout = {ms}",
            ms = self.statement_timeout_ms
        );
        client.batch_execute(&session).await?;
        schema::prepare(&mut client).await?;
        Ok(client)
    }

    async fn open(&self) -> Result<Client, tokio_postgres::Error> {
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                drive(connection);
                Ok(client)
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                drive(connection);
                Ok(client)
            }
        }
    }
}

/// The connection ends with its client; what was wrong with it, the client says.
fn drive<T: TlsStream + Unpin + Send + 'static>(connection: Connection<Socket, T>) {
    tokio::spawn(async move {
        let _ = connection.await;
    });
}

fn tls(settings: &PostgresSettings) -> Result<rustls::ClientConfig, PostgresSettingsError> {
    trust::tls_config(settings.authorities.as_deref())
        .map_err(|error| PostgresSettingsError::because("TLS for PostgreSQL cannot be set up", error))
}
