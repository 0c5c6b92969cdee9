//! The composition root: a configuration becomes a [`Hub`]; a hub runs on a listener, or is called directly.

mod builder;
mod direct;
mod metrics;
mod open;
mod snapshots;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::net::TcpListener;

pub use builder::HubBuilder;
pub use direct::CallError;
pub use open::StartError;
pub(crate) use open::{Started, listen_address, store_settings};

use crate::{
    config::{Config, Transport},
    http::{self, Api},
    lock::Lock,
    serve::{self, Counters},
    shutdown::Shutdown,
    tls::Tls,
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
    api: Api,
    tls: Option<Tls>,
    serving: Arc<Counters>,
    _lock: Lock,
}

impl Hub {
    /// A hub with the defaults: TLS, state in `state/`, every acknowledged write durable.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// Serves the HTTP interface until `shutdown` is done, then lets requests that are under way finish for a while.
    /// The hub goes on: it can serve again, be called, or be [closed](Hub::close).
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) {
        let (trigger, fired) = Shutdown::new();
        let stop = tokio::spawn(async move {
            shutdown.await;
            trigger.fire();
        });
        let background = [
            tokio::spawn(snapshots::run(
                self.shared.api.store.clone(),
                self.shared.api.background.clone(),
                self.config().clone(),
                fired.clone(),
            )),
            tokio::spawn(self.shared.api.reloader.clone().run(fired.clone())),
            tokio::spawn(self.shared.api.usage_log.clone().watch(fired.clone())),
            tokio::spawn(
                self.shared
                    .api
                    .usage_log
                    .clone()
                    .compare(self.shared.api.metering.clone(), fired.clone()),
            ),
            tokio::spawn(
                self.shared
                    .api
                    .usage_log
                    .clone()
                    .collect(self.config().usage_log.clone(), fired.clone()),
            ),
        ];
        let app = http::router(self.shared.api.clone());
        let drained = serve::serve(
            listener,
            self.shared.tls.clone(),
            app,
            self.serve_limits(),
            self.shared.serving.clone(),
            self.shared.api.bandwidth.clone(),
            fired,
        )
        .await;
        if drained.cut > 0 {
            tracing::warn!(
                connections = drained.cut,
                "cut connections that did not finish in time (limits.drain_timeout)"
            );
        }
        stop.abort();
        for task in background {
            // It ends by the same shutdown; a panic of it is in the log.
            let _ = task.await;
        }
    }

    /// Takes no more writes, finishes those that wait, and writes a last snapshot if anything changed.
    ///
    /// # Errors
    /// The snapshot cannot be written; what was acknowledged is in the journal, unless the durability is `snapshot`.
    pub async fn close(&self) -> Result<(), CallError> {
        let api = self.shared.api.clone();
        let closed = tokio::task::spawn_blocking(move || {
            api.metering.close(USAGE_DEADLINE);
            api.usage_log.close(USAGE_DEADLINE);
            api.store.close()
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

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self.config().transport {
            Transport::Tls => "https",
            Transport::PlainHttp => "http",
        }
    }

    /// Takes up changed keys, certificate and limits at once; blocks the thread. What went wrong is in the log.
    pub(crate) fn reload(&self) {
        let _ = self.shared.api.reloader.reload_all();
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.shared.api.config
    }

    fn serve_limits(&self) -> serve::Limits {
        let limits = &self.config().limits;
        serve::Limits {
            connections_max: limits.connections_max,
            handshake_timeout: limits.handshake_timeout,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            body_idle_timeout: limits.body_idle_timeout,
            drain_timeout: limits.drain_timeout,
            ..serve::Limits::default()
        }
    }
}
