//! The accept loop with real sockets.

mod curl;
mod encrypted;
mod lasting;
mod listeners;
mod strangers;
mod unread;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get, post};
use bytes::Bytes;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::exchange::Exchange;
use super::limits::Http2Limits;
use super::{BodyError, Counters, Drained, Limits, Listener, Server, Transport};
use crate::bandwidth::Bandwidth;
use crate::config::Throttle;
use crate::shutdown::{Shutdown, Trigger};
use crate::tls::{Settings, Tls};

const DEADLINE: Duration = Duration::from_secs(10);
const QUICK: Duration = Duration::from_millis(200);
const BIG: usize = 32 << 20;

/// Limits short enough to wait for.
fn quick() -> Limits {
    Limits {
        connections_max: 100,
        handshake_timeout: QUICK,
        header_timeout: QUICK,
        idle_timeout: 3 * QUICK,
        body_idle_timeout: QUICK,
        drain_timeout: QUICK,
        ..Limits::default()
    }
}

/// Limits that no test reaches.
fn patient() -> Limits {
    Limits {
        http2: Http2Limits {
            ping_interval: DEADLINE,
            ..Limits::default().http2
        },
        ..Limits::default()
    }
}

/// A served router, and what tests hold of it.
struct Served {
    address: SocketAddr,
    counters: Arc<Counters>,
    gate: Arc<Semaphore>,
    waiting: Arc<Notify>,
    tls: Option<Tls>,
    directory: TempDir,
    trigger: Trigger,
    task: JoinHandle<Drained>,
}

/// What requests to `/wait` wait at.
#[derive(Clone, Debug)]
struct Gate {
    /// Each permit lets one of them be answered.
    gate: Arc<Semaphore>,
    /// Told that one has come.
    waiting: Arc<Notify>,
}

async fn echo(body: Body) -> Result<Bytes, StatusCode> {
    let whole = axum::body::to_bytes(body, usize::MAX).await;
    whole.map_err(|error| match BodyError::cause(&error) {
        Some(BodyError::Stalled) => StatusCode::REQUEST_TIMEOUT,
        Some(BodyError::KeptBack) => StatusCode::EXPECTATION_FAILED,
        None => StatusCode::BAD_REQUEST,
    })
}

/// Answers without a look at the body.
async fn refuse() -> (StatusCode, &'static str) {
    (StatusCode::UNAUTHORIZED, "refused")
}

/// Requests that say who sends them are by that key.
async fn authenticate(State(bandwidth): State<Bandwidth>, request: Request, next: Next) -> Response {
    if let Some(key) = request.headers().get(AUTHORIZATION) {
        let key = bandwidth.of_key(&key.to_str().unwrap().into());
        request.extensions().get::<Exchange>().unwrap().join(&key);
    }
    next.run(request).await
}

fn app(gate: Gate, bandwidth: Bandwidth) -> Router {
    let wait = async |State(Gate { gate, waiting }): State<Gate>| {
        waiting.notify_one();
        gate.acquire().await.unwrap().forget();
        "waited"
    };
    let whoami = async |Extension(exchange): Extension<Exchange>| {
        assert!(exchange.wire_bytes_in() > 0);
        exchange.peer().to_string()
    };
    Router::new()
        .route("/hello", get(async || "hello"))
        .route("/echo", post(echo))
        .route("/refuse", any(refuse))
        .route("/big", get(async || vec![b'x'; BIG]))
        .route("/panic", get(async || -> &'static str { panic!("as asked") }))
        .route("/wait", get(wait))
        .route("/whoami", get(whoami))
        .with_state(gate)
        .layer(from_fn_with_state(bandwidth, authenticate))
}

fn settings(directory: &TempDir) -> Settings {
    Settings {
        directory: directory.path().join("tls"),
        cert: None,
        key: None,
        names: vec!["metrics.example".into()],
        listen: vec![[127, 0, 0, 1].into()],
        machine: Vec::new,
    }
}

impl Served {
    async fn plain(limits: Limits) -> Self {
        Self::start(limits, None, TempDir::new().unwrap()).await
    }

    async fn encrypted(limits: Limits) -> Self {
        let directory = TempDir::new().unwrap();
        let tls = Tls::open(&settings(&directory), SystemTime::now()).unwrap();
        Self::start(limits, Some(tls), directory).await
    }

    async fn start(limits: Limits, tls: Option<Tls>, directory: TempDir) -> Self {
        let listener = Listener::Tcp(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let transport = tls.clone().map_or(Transport::Http1, Transport::Tls);
        Self::on(listener, transport, limits, tls, directory)
    }

    fn on(listener: Listener, transport: Transport, limits: Limits, tls: Option<Tls>, directory: TempDir) -> Self {
        let (trigger, shutdown) = Shutdown::new();
        let counters = Arc::new(Counters::default());
        let gate = Arc::new(Semaphore::new(0));
        let address = match &listener {
            Listener::Tcp(listener) => listener.local_addr().unwrap(),
            Listener::Unix(_) => ([0, 0, 0, 0], 0).into(),
        };
        let waiting = Arc::new(Notify::new());
        let bandwidth = Bandwidth::new(&Throttle::default());
        let at_gate = Gate {
            gate: gate.clone(),
            waiting: waiting.clone(),
        };
        let app = app(at_gate, bandwidth.clone());
        let server = Server::new(app, limits, counters.clone(), bandwidth, shutdown);
        Self {
            address,
            counters,
            gate,
            waiting,
            tls,
            directory,
            trigger,
            task: tokio::spawn(server.serve(listener, transport)),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Waits until a counter has this value.
    async fn until(&self, counter: impl Fn(&Counters) -> &AtomicU64, expected: u64) {
        let value = || counter(&self.counters).load(Relaxed);
        let deadline = Instant::now() + DEADLINE;
        while value() != expected {
            assert!(Instant::now() < deadline, "{} for {expected}", value());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until a request waits at the gate.
    async fn until_waiting(&self) {
        let waiting = timeout(DEADLINE, self.waiting.notified());
        waiting.await.expect("no request has come");
    }

    async fn stop(self) -> Drained {
        self.trigger.fire();
        timeout(DEADLINE, self.task).await.unwrap().unwrap()
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Reads until the text seen so far ends with this.
async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let byte = timeout(DEADLINE, stream.read_u8()).await.unwrap();
        text.push(char::from(byte.unwrap_or_else(|_| panic!("{text:?}"))));
    }
    text
}

/// Everything up to the end of the connection, which is to come within the deadline.
async fn read_rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut rest = Vec::new();
    let read = timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
    read.expect("still open").expect("no orderly end");
    String::from_utf8(rest).unwrap()
}
