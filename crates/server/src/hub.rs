//! The composition root: a configuration becomes a [`Hub`]; a hub runs on a listener, or is called directly.

mod builder;
mod direct;
mod listeners;
mod metrics;
mod open;
pub(crate) mod process;
mod reach;
mod snapshots;
mod sources;

use std::{path::PathBuf, sync::Arc, time::Duration};

use nexus_segments::LockFile;
use tokio::net::TcpListener;

pub use builder::HubBuilder;
pub use direct::CallError;
pub(crate) use listeners::{Bound, bind};
pub use open::StartError;
pub(crate) use open::{Started, store_settings};
use sources::Lost;

use crate::{
    config::{Config, Protocol},
    http::{AppState, Parts},
    protocol,
    serve::{self, Counters, Listener, Server},
    shutdown::Shutdown,
    tls::{self, Tls},
};

/// How long a hub that ends takes to tell a shared store what was used, and to store what the usage log has; the next start does
/// it otherwise.
const USAGE_DEADLINE: Duration = Duration::from_secs(2);

/// A metrics hub: one state directory, opened.
///
/// Cheap to clone; all clones are one hub. What it acknowledged is as durable as its configuration says even if it is never
/// [closed](Hub::close); closing writes a last snapshot, so that the next start has no journal to read.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use nexus_server::Hub;
///
/// let directory = std::env::temp_dir().join(format!("hub-{}", std::process::id()));
/// let hub = Hub::builder().state(&directory).api_key("Hello World").open()?;
/// hub.create("uptime", "metric server uptime").await?;
/// hub.update("uptime", 5.0).await?;
/// assert_eq!(hub.read("uptime")?, 5.0);
/// hub.close().await?;
/// # std::fs::remove_dir_all(directory)?;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    parts: Arc<Parts>,
    tls: Option<Tls>,
    serving: Arc<Counters>,
    lost: Arc<Lost>,
    _lock: LockFile,
}

impl Hub {
    /// A hub with the defaults: TLS, state in `state/`, every acknowledged write durable.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// Serves the HTTP interface until `shutdown` is done, then lets requests that are under way finish for a while.
    /// The hub goes on: it can serve again, be called, or be [closed](Hub::close).
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) {
        let spoken = self.config().listen.listeners().next();
        let bound = Bound {
            protocol: spoken.map_or(Protocol::Https, |(protocol, _)| protocol),
            listener: Listener::Tcp(listener),
        };
        self.serve_on(vec![bound], shutdown).await;
    }

    /// As [`serve`](Self::serve), on all of these.
    pub(crate) async fn serve_on(&self, listeners: Vec<Bound>, shutdown: impl Future<Output = ()> + Send + 'static) {
        let (trigger, fired) = Shutdown::new();
        let stop = tokio::spawn(async move {
            shutdown.await;
            trigger.fire();
        });
        let server = Server::new(
            self.service(),
            self.serve_limits(),
            self.shared.serving.clone(),
            self.shared.parts.bandwidth.clone(),
            fired.clone(),
        );
        let sources = sources::table(&self.shared, listeners, &server);
        sources::run(sources, &self.shared.lost, &fired).await;
        stop.abort();
    }

    /// The whole interface as a service that needs no socket.
    pub(crate) fn service(&self) -> axum::Router {
        protocol::router(AppState::new(self.shared.parts.clone()))
    }

    /// Takes no more writes, finishes those that wait, and writes a last snapshot if anything changed.
    ///
    /// # Errors
    /// The snapshot cannot be written; what was acknowledged is in the journal, unless the durability is `snapshot`.
    pub async fn close(&self) -> Result<(), CallError> {
        let parts = self.shared.parts.clone();
        let closed = tokio::task::spawn_blocking(move || {
            parts.metering.close(USAGE_DEADLINE);
            parts.usage_log.close(USAGE_DEADLINE);
            parts.store.close()
        })
        .await;
        closed
            .map_err(|_| CallError::Stopping)?
            .map_err(|error| CallError::Snapshot(error.to_string()))
    }

    /// The file that clients verify the hub's certificate with; none under plain HTTP or if the operator's own certificate
    /// needs none.
    #[must_use]
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.shared.tls.as_ref().and_then(Tls::ca_path)
    }

    /// SHA-256 of the certificate that clients may pin, in hexadecimal digits; none under plain HTTP.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        self.shared.tls.as_ref().map(Tls::fingerprint)
    }

    /// The names and addresses by which other machines may reach it: those that its certificate is valid for, or without TLS
    /// those of the machine; those of the configuration first.
    pub(crate) fn names_for_others(&self) -> Vec<String> {
        let names = self.shared.tls.as_ref().map_or_else(tls::machine_names, Tls::names);
        reach::by_use(&self.config().tls.names, names)
    }

    /// `https`, or `http` if no listener has TLS.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self.config().listen.is_encrypted() {
            true => "https",
            false => "http",
        }
    }

    /// Reloads changed keys, certificate and limits at once; blocks the thread. What went wrong is in the log.
    pub(crate) fn reload(&self) {
        let _ = self.shared.parts.reloader.reload_all();
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.shared.parts.config
    }

    fn serve_limits(&self) -> serve::Limits {
        let limits = &self.config().limits;
        serve::Limits {
            connections_max: process::connections_max(limits.connections_max),
            handshake_timeout: limits.handshake_timeout,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            body_idle_timeout: limits.body_idle_timeout,
            unread_body_bytes_max: limits.unread_body_bytes_max,
            drain_timeout: limits.drain_timeout,
            ..serve::Limits::default()
        }
    }
}
