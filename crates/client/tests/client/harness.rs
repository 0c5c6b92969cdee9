use std::net::SocketAddr;

use nexus_client::{Builder, Client};
use nexus_server::Hub;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub(crate) const KEY: &str = "Hello World";

/// A hub that serves over TLS, with its state in a directory of its own, until it is stopped or dropped.
pub(crate) struct Running {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    _directory: TempDir,
}

pub(crate) async fn start() -> Running {
    start_at(([127, 0, 0, 1], 0).into()).await
}

/// Another hub where one was before.
pub(crate) async fn start_at(address: SocketAddr) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let hub = Hub::builder().state(directory.path()).api_key(KEY).open().unwrap();
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
        builder_at(self.address)
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().ca_file(self.hub.ca_file().unwrap()).build().unwrap()
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.serving.await.unwrap();
        self.hub.close().await.unwrap();
    }
}

/// Everything but the trust, for a hub that is reached at this address.
pub(crate) fn builder_at(address: SocketAddr) -> Builder {
    Client::builder(format!("https://{address}")).key(KEY)
}
