//! A hub that can be killed, beside clients that go on.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use nexus_server::Hub;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    time::{self, Instant},
};

use crate::harness::{ANYWHERE, KEY};

/// A hub that can be killed: what is under way in it just ends, and nothing is said to anyone.
pub(crate) struct Mortal {
    pub(crate) address: SocketAddr,
    pub(crate) ca: PathBuf,
    directory: TempDir,
    runtime: Option<Runtime>,
}

impl Mortal {
    pub(crate) async fn start() -> Mortal {
        let directory = tempfile::tempdir().unwrap();
        let (runtime, address, hub) = live(directory.path()).await;
        Mortal {
            address,
            ca: hub.ca_file().unwrap(),
            directory,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Over what was left; at another address.
    pub(crate) async fn start_again(&mut self) {
        self.kill();
        let (runtime, address, _) = live(self.directory.path()).await;
        self.address = address;
        self.runtime = Some(runtime);
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Opens the directory as soon as the one before has let go of it, and serves.
async fn live(directory: &Path) -> (Runtime, SocketAddr, Hub) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let hub = loop {
        match Hub::builder().state(directory).api_key(KEY).open() {
            Ok(hub) => break hub,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        time::sleep(Duration::from_millis(5)).await;
    };
    let listener = std::net::TcpListener::bind(ANYWHERE).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let served = hub.clone();
    runtime.spawn(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        served.serve(listener, std::future::pending()).await;
    });
    (runtime, address, hub)
}
