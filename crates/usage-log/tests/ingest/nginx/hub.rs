//! What a hub does with usage, in a process of its own that can be killed: the test binary itself, started again.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    routing::post,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use nexus_usage_log::{
    Time, UsageLog,
    ingest::{
        Limits, events,
        syslog::{Datagrams, SyslogReceiver, SyslogSettings},
        tail::{Tail, TailSettings},
    },
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream, UdpSocket, UnixDatagram},
};
use tokio_rustls::TlsAcceptor;

use crate::harness::{PATIENCE, World, eventually, open_log, origin};

pub(crate) const NAME: &str = "hub.test";
pub(crate) const KEY: &str = "a-key-of-the-gateway";

const DIRECTORY: &str = "NEXUS_INGEST_HUB_DIRECTORY";
const PORTS: &str = "NEXUS_INGEST_HUB_PORTS";

/// The process, as the test sees it.
pub(crate) struct Hub {
    directory: PathBuf,
    pub(crate) ports: Ports,
    child: Option<Child>,
}

#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) https: u16,
    pub(crate) syslog: u16,
    /// Says what is counted to whoever connects.
    counts: u16,
}

impl Hub {
    pub(crate) async fn start(world: &World) -> Self {
        let own = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
        std::fs::write(world.path("ca.crt"), own.cert.pem()).unwrap();
        std::fs::write(world.path("hub.key"), own.signing_key.serialize_pem()).unwrap();
        let ports = Ports {
            https: free_port(),
            syslog: free_port(),
            counts: free_port(),
        };
        let directory = world.directory.path().to_owned();
        let mut hub = Hub {
            directory,
            ports,
            child: None,
        };
        hub.restart().await;
        hub
    }

    pub(crate) async fn restart(&mut self) {
        let Ports { https, syslog, counts } = self.ports;
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "nginx::hub::the_process_that_is_killed", "--nocapture"])
            .env(DIRECTORY, &self.directory)
            .env(PORTS, format!("{https} {syslog} {counts}"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        eventually("the hub answers", || self.try_counts().is_some()).await;
    }

    /// With SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn counts(&self) -> serde_json::Value {
        self.try_counts().unwrap()
    }

    fn try_counts(&self) -> Option<serde_json::Value> {
        let stream = std::net::TcpStream::connect(("127.0.0.1", self.ports.counts)).ok()?;
        serde_json::from_reader(stream).ok()
    }

    /// Until there is nothing more to read.
    pub(crate) async fn caught_up(&self) {
        let is_so = || self.counts().pointer("/tail/behind_bytes").unwrap().as_u64() == Some(0);
        eventually("the tail has read all", is_so).await;
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One that no other test here has, below those that are given to outgoing connections: it is bound again after a kill.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 20_000).unwrap();
    loop {
        let port = 12_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Not a test of its own: what the killed process does.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_is_killed() {
    let (Ok(directory), Ok(ports)) = (std::env::var(DIRECTORY), std::env::var(PORTS)) else {
        return;
    };
    let directory = Path::new(&directory);
    let ports: Vec<u16> = ports.split(' ').map(|port| port.parse().unwrap()).collect();
    let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let log = open_log(directory);

    let mut settings = TailSettings::new(directory.join("usage.log"), directory.join("position"), origin("file"));
    settings.poll_interval = Duration::from_millis(50);
    let tail = Tail::new(log.clone(), settings);
    let running = tail.clone();
    tokio::spawn(async move { running.run(std::future::pending()).await.unwrap() });

    let path = directory.join("syslog.sock");
    drop(std::fs::remove_file(&path));
    let udp = Datagrams::Udp(UdpSocket::bind(local(ports[1])).await.unwrap());
    let unix = Datagrams::Unix(UnixDatagram::bind(path).unwrap());
    let receive = |source, datagrams| {
        let receiver = SyslogReceiver::new(log.clone(), SyslogSettings::new(origin(source)));
        let running = receiver.clone();
        tokio::spawn(async move { running.run(datagrams, std::future::pending()).await.unwrap() });
        receiver
    };
    let (udp, unix) = (receive("udp", udp), receive("unix", unix));

    tokio::spawn(serve(
        TcpListener::bind(local(ports[0])).await.unwrap(),
        acceptor(directory),
        log.clone(),
    ));
    let listener = TcpListener::bind(local(ports[2])).await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let behind = tail.counts();
        let tail =
            json!({"behind_bytes": behind.behind_bytes, "rotations": behind.rotations, "recorded": behind.recorded});
        let syslog = |receiver: &SyslogReceiver| {
            let counts = receiver.counts();
            json!({"received": counts.received, "missing": counts.missing, "malformed": counts.malformed})
        };
        let counts =
            json!({"tail": tail, "udp": syslog(&udp), "unix": syslog(&unix), "duplicate": log.counts().duplicate});
        drop(stream.write_all(counts.to_string().as_bytes()).await);
    }
}

fn acceptor(directory: &Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(directory.join("ca.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(directory.join("hub.key")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, log: UsageLog) {
    let app = Router::new().route("/api/v1/usage/events", post(take)).with_state(log);
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(connection(stream, acceptor.clone(), app.clone()));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, app: Router) {
    let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await else {
        return;
    };
    let service = TowerToHyperService::new(app);
    let server = auto::Builder::new(TokioExecutor::new()).http1_only();
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

async fn take(State(log): State<UsageLog>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if header(header::AUTHORIZATION) != Some(&format!("Bearer {KEY}")) {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let content_type = header(header::CONTENT_TYPE);
    let events = match events::parse(&body, content_type, &origin("posted"), &Limits::default(), Time::now()) {
        Ok(events) => events,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()),
    };
    match log.store(events).await {
        Ok(fates) => (StatusCode::OK, format!("{}", fates.len())),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}
