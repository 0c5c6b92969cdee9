//! The framework's limit: what the hub would be if it kept nothing. axum on hyper, with a key check, a path parameter, a map
//! lookup and an atomic addition; plain, or over TLS with the hub's settings.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::Result;
use axum::{
    Router,
    extract::{Path as PathParameters, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
    routing::{get, put},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::series;

/// The key that it asks for.
pub const KEY: &str = "bare-0123456789abcdef0123456789abcdef0123456789";

#[derive(Debug)]
struct Counters {
    /// By verb and query, as they are sent.
    by_query: HashMap<String, AtomicU64>,
}

impl Counters {
    fn new(series: u64) -> Self {
        let query = |number| {
            let path = series::increment(number);
            path.split_once('?')
                .map_or_else(String::new, |(_, query)| query.to_owned())
        };
        Counters {
            by_query: (0..series).map(|number| (query(number), AtomicU64::new(0))).collect(),
        }
    }
}

/// The service: `PUT /{metric}/inc` on so many series, and `GET /sum`.
pub fn router(series: u64) -> Router {
    let counters = Arc::new(Counters::new(series));
    Router::new()
        .route("/{metric}/{verb}", put(increment))
        .route("/sum", get(sum))
        .layer(middleware::from_fn(authenticate))
        .with_state(counters)
}

async fn authenticate(request: Request, next: Next) -> Result<Response, StatusCode> {
    let sent = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if sent == Some(KEY) {
        Ok(next.run(request).await)
    } else {
        Err(StatusCode::UNAUTHORIZED)
    }
}

async fn increment(
    State(counters): State<Arc<Counters>>,
    PathParameters((metric, verb)): PathParameters<(String, String)>,
    request: Request,
) -> StatusCode {
    let counter = request.uri().query().and_then(|query| counters.by_query.get(query));
    match counter {
        Some(counter) if metric == series::FAMILY && verb == "inc" => {
            counter.fetch_add(1, Relaxed);
            StatusCode::NO_CONTENT
        }
        _ => StatusCode::NOT_FOUND,
    }
}

async fn sum(State(counters): State<Arc<Counters>>) -> String {
    let sum: u64 = counters.by_query.values().map(|count| count.load(Relaxed)).sum();
    sum.to_string()
}

/// Makes a certificate for the loopback address, puts it into `ca`, and gives the hub's TLS settings with it.
///
/// # Errors
/// The file cannot be written.
pub fn tls(ca: &Path) -> Result<Arc<ServerConfig>> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    std::fs::write(ca, made.cert.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves until the process ends.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, router: Router, tls: Option<Arc<ServerConfig>>) -> Result<()> {
    let acceptor = tls.map(TlsAcceptor::from);
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            match acceptor {
                None => connection(tcp, router).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(tcp).await {
                        connection(stream, router).await;
                    }
                }
            }
        });
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that goes away is no error of the server.
    let _ = served.await;
}
