use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio_postgres::{Client, Config, Connection, NoTls, Socket, config::SslMode, tls::TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{error::explain, schema, settings::PostgresSettings};
use crate::ledger::{ErrorKind, LedgerError};

/// Whom to connect to, and how.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    statement_timeout_ms: u128,
}

impl Connector {
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, LedgerError> {
        // What is wrong with a URL could quote the password in it.
        let malformed = |_| LedgerError::new(ErrorKind::Refused, OPENING, "the database's URL is malformed");
        let mut config: Config = settings.url.expose().parse().map_err(malformed)?;
        if config.get_application_name().is_none() {
            config.application_name("nexus-usage");
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(MakeRustlsConnect::new(tls_config(settings)?)),
            _ => None,
        };
        if tls.is_none() {
            config.ssl_mode(SslMode::Disable);
        }
        Ok(Connector {
            config,
            tls,
            statement_timeout_ms: settings.operation_timeout.as_millis(),
        })
    }

    /// Connects, and sees that the tables are there.
    pub(super) async fn connect(&self, operation: &'static str) -> Result<Arc<Client>, LedgerError> {
        let failed = |error| explain(operation, error);
        let mut client = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(failed)?;
                drive(connection);
                client
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await.map_err(failed)?;
                drive(connection);
                client
            }
        };
        // Functions look again after they waited for a lock, which other levels forbid. A statement that nobody waits for any
        // more ends, and gives its locks back.
        let session = format!(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; SET statement_timeout = {}",
            self.statement_timeout_ms
        );
        client.batch_execute(&session).await.map_err(failed)?;
        schema::prepare(operation, &mut client).await?;
        Ok(Arc::new(client))
    }
}

const OPENING: &str = "opening the ledger";

/// The connection ends with its client; what was wrong with it, the client says.
fn drive<T: TlsStream + Unpin + Send + 'static>(connection: Connection<Socket, T>) {
    tokio::spawn(async move {
        let _ = connection.await;
    });
}

fn tls_config(settings: &PostgresSettings) -> Result<ClientConfig, LedgerError> {
    let refused =
        |error: Box<dyn std::error::Error + Send + Sync>| LedgerError::new(ErrorKind::Refused, OPENING, error);
    let mut roots = RootCertStore::empty();
    match &settings.authorities {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| refused(error.into()))?;
                roots.add(certificate).map_err(|error| refused(error.into()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    let provider = match CryptoProvider::get_default() {
        Some(provider) => provider.clone(),
        None => Arc::new(rustls::crypto::ring::default_provider()),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.into()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
