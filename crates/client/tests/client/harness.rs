//! A real hub in this process, and clients of it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use nexus_client::{Builder, Client};
use nexus_server::Hub;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
    time::{self, Instant},
};

pub(crate) const KEY: &str = "Hello World";
pub(crate) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A hub that serves over TLS, with its state in a directory of its own, until it is stopped or dropped.
pub(crate) struct Running {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    /// None if it is not this one's to remove.
    _directory: Option<TempDir>,
}

pub(crate) async fn start() -> Running {
    start_at(ANYWHERE).await
}

/// Another hub where one was before.
pub(crate) async fn start_at(address: SocketAddr) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let hub = Hub::builder().state(directory.path()).api_key(KEY).open().unwrap();
    serve(hub, Some(directory), address).await
}

/// A hub with its state in this directory.
pub(crate) async fn start_in(directory: &Path) -> Running {
    let hub = Hub::builder().state(directory).api_key(KEY).open().unwrap();
    serve(hub, None, ANYWHERE).await
}

/// A hub without TLS.
pub(crate) async fn start_plain() -> Running {
    let directory = tempfile::tempdir().unwrap();
    let hub = Hub::builder().state(directory.path()).api_key(KEY).plain_http();
    serve(hub.open().unwrap(), Some(directory), ANYWHERE).await
}

/// A hub that shows this certificate, with this key.
pub(crate) async fn start_with_certificate(cert_pem: &str, key_pem: &str) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    std::fs::write(&cert, cert_pem).unwrap();
    std::fs::write(&key, key_pem).unwrap();
    let state = directory.path().join("state");
    let hub = Hub::builder().state(state).api_key(KEY).certificate(cert, key);
    serve(hub.open().unwrap(), Some(directory), ANYWHERE).await
}

async fn serve(hub: Hub, directory: Option<TempDir>, address: SocketAddr) -> Running {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = hub.clone();
    let serving = tokio::spawn(async move {
        let stopped = async move { drop(stopped.await) };
        server.serve(listener, stopped).await;
    });
    Running {
        hub,
        address,
        stop: Some(stop),
        serving,
        _directory: directory,
    }
}

impl Running {
    /// Everything but the trust.
    pub(crate) fn builder(&self) -> Builder {
        self.builder_at(self.address)
    }

    /// Everything but the trust, for this hub where it is reached at another address.
    pub(crate) fn builder_at(&self, address: SocketAddr) -> Builder {
        Client::builder(format!("{}://{address}", self.hub.scheme())).key(KEY)
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().ca_file(self.hub.ca_file().unwrap()).build().unwrap()
    }

    /// What Prometheus gets; the client does not scrape.
    pub(crate) async fn scrape(&self, prefix: &str) -> String {
        let ca = self.hub.ca_file().map(|ca| std::fs::read(ca).unwrap());
        let tls = crate::trust::config(ca.as_deref());
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
        let url = format!("{}://{}/__metrics?prefix={prefix}", self.hub.scheme(), self.address);
        let request = http.build().unwrap().get(url).bearer_auth(KEY);
        request.send().await.unwrap().text().await.unwrap()
    }

    /// How many writes the hub knew as repeats.
    pub(crate) async fn replays(&self) -> f64 {
        let exposed = self.scrape("metric_nexus_idempotency_replays").await;
        let line = exposed.lines().find(|line| !line.starts_with('#'));
        line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.serving.await.unwrap();
        self.hub.close().await.unwrap();
    }
}

/// Everything but the trust, for a hub that is reached at this address over TLS.
pub(crate) fn builder_at(address: SocketAddr) -> Builder {
    Client::builder(format!("https://{address}")).key(KEY)
}

/// Waits until a metric is at least this.
pub(crate) async fn reaches(client: &Client, name: &str, value: f64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let found = client.read(name).await.unwrap();
        if found >= value {
            return;
        }
        assert!(Instant::now() < deadline, "{name} is still {found}");
        time::sleep(Duration::from_millis(1)).await;
    }
}
