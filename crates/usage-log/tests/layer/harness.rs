//! A service with the layer around it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{MatchedPath, Request},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use nexus_usage_log::{
    Entry, EventOutcome, Outcome, Record, Settings, Sink, SinkError, UsageLog,
    layer::{LayerSettings, Note, UsageLogLayer},
};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

pub const PATIENCE: Duration = Duration::from_secs(60);

/// Remembers what it gets.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<Record>>>);

impl Sink for Memory {
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
        let records = batch.iter().map(|entry| entry.record.clone());
        self.0.lock().unwrap().extend(records);
        Ok(vec![EventOutcome::Stored; batch.len()])
    }
}

/// A log that remembers.
pub struct Remembered {
    pub log: UsageLog,
    memory: Memory,
}

impl Remembered {
    pub fn new() -> Self {
        let memory = Memory::default();
        let log = UsageLog::open(Settings::default(), memory.clone()).unwrap();
        Remembered { log, memory }
    }

    pub fn layer(&self) -> UsageLogLayer {
        let mut settings = LayerSettings::default();
        settings.service = "shop".into();
        UsageLogLayer::new(self.log.clone(), settings)
    }

    /// What was recorded so far.
    pub fn records(&self) -> Vec<Record> {
        assert!(self.log.flush(PATIENCE));
        self.memory.0.lock().unwrap().clone()
    }

    /// Waits for `count` records and sees that no more come.
    pub fn take(&self, count: usize) -> Vec<Record> {
        let deadline = Instant::now() + PATIENCE;
        while self.records().len() < count {
            assert!(
                Instant::now() < deadline,
                "{} of {count} records came",
                self.records().len()
            );
            std::thread::yield_now();
        }
        let records = std::mem::take(&mut *self.memory.0.lock().unwrap());
        assert_eq!(records.len(), count, "{records:?}");
        records
    }
}

/// A served shop.
pub struct Shop {
    pub remembered: Remembered,
    pub address: SocketAddr,
}

impl Shop {
    pub async fn open() -> Self {
        let remembered = Remembered::new();
        let app = app().layer(remembered.layer()).layer(CatchPanicLayer::new());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        Shop { remembered, address }
    }

    /// What curl says it got: the status and the bytes of the body as they were transferred.
    pub async fn curl(&self, path: &str, arguments: &[&str]) -> (u16, u64) {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code} %{size_download}"]);
        curl.args(arguments).arg(format!("http://{}{path}", self.address));
        let output = tokio::task::spawn_blocking(move || curl.output())
            .await
            .unwrap()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let (status, bytes) = said.split_once(' ').unwrap();
        (status.parse().unwrap(), bytes.parse().unwrap())
    }

    /// The one record that there is.
    pub async fn record(&self) -> Record {
        tokio::task::block_in_place(|| self.remembered.take(1).remove(0))
    }
}

/// Whether curl can be asked. Loud if not, and a failure where all must run.
pub fn has_curl() -> bool {
    let has = Command::new("curl").arg("--version").output().is_ok();
    if !has {
        assert!(std::env::var_os("NEXUS_TEST_STRICT").is_none(), "curl is missing");
        eprintln!("SKIPPED: curl is missing");
    }
    has
}

fn app() -> Router {
    Router::new()
        .route("/full", get(|| async { "x".repeat(1_000) }))
        .route("/large", get(|| async { "x".repeat(5_000_000) }))
        .route("/chunked", get(|| async { chunks(10) }))
        .route("/none", get(|| async { StatusCode::NO_CONTENT }))
        .route("/not-modified", get(|| async { StatusCode::NOT_MODIFIED }))
        .route(
            "/range",
            get(|| async {
                (
                    StatusCode::PARTIAL_CONTENT,
                    [(header::CONTENT_RANGE, "bytes 0-99/1000")],
                    "x".repeat(100),
                )
            }),
        )
        .route(
            "/gzip",
            get(|| async { "x".repeat(100_000) }).layer(CompressionLayer::new()),
        )
        .route("/upload", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/endless", get(|| async { chunks(usize::MAX) }))
        .route("/panic", get(panics))
        .route("/panic-body", get(|| async { broken(true) }))
        .route("/fail-body", get(|| async { broken(false) }))
        .route("/upgrade", any(upgrade))
        .layer(from_fn(note))
}

/// Says who asks for what, as a service does that knows its callers.
async fn note(
    Extension(note): Extension<Note>,
    path: Option<MatchedPath>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    note.change(|details| {
        details.route = path.map_or_else(|| "".into(), |path| path.as_str().into());
        let key = headers.get("x-key").and_then(|key| key.to_str().ok());
        details.key = key.unwrap_or_default().into();
    });
    next.run(request).await
}

fn chunks(count: usize) -> Body {
    let chunks =
        futures_util::stream::iter((0..count).map(|_| Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1_000]))));
    Body::from_stream(chunks)
}

fn broken(panics: bool) -> Body {
    let chunks = (0..2).map(move |number| {
        if number == 0 {
            return Ok(http_body::Frame::data(Bytes::from_static(&[b'x'; 1_000])));
        }
        assert!(!panics, "a bug in a body");
        Err(std::io::Error::other("the disk is gone"))
    });
    Body::new(StreamBody::new(futures_util::stream::iter(chunks)).boxed_unsync())
}

async fn panics() -> &'static str {
    panic!("a bug in a handler")
}

async fn upgrade(request: Request) -> impl IntoResponse {
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.unwrap();
        let mut stream = hyper_util::rt::TokioIo::new(upgraded);
        let (mut from, mut to) = tokio::io::split(&mut stream);
        let _ = tokio::io::copy(&mut from, &mut to).await;
    });
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")];
    (StatusCode::SWITCHING_PROTOCOLS, headers)
}

/// The record says so.
pub fn assert_record(record: &Record, route: &str, status: u16, body_bytes: u64, outcome: Outcome) {
    let dimensions = &record.dimensions;
    let said = (
        &*dimensions.route,
        dimensions.status,
        record.amounts.body_bytes,
        dimensions.outcome,
    );
    assert_eq!(said, (route, status, body_bytes, outcome));
    assert_eq!((record.amounts.calls, &*dimensions.service), (1, "shop"));
}
