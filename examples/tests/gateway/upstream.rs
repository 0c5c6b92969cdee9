//! The service behind the gateway.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request},
    http::{HeaderMap, StatusCode},
    middleware::map_request,
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use tokio::{net::TcpListener, runtime::Runtime};

const PIECE_BYTES: usize = 10_000;

/// A service on a free port, until it is dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicU64>,
    _runtime: Runtime,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let counted = requests.clone();
        let count_request = move |request: Request| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move { request }
        };
        let service = Router::new()
            .route("/bytes/{bytes}", get(bytes))
            .route("/stream/{pieces}", get(pieces))
            .route("/count", post(count))
            .route("/headers", get(headers))
            .route("/status/{status}", get(status))
            .route("/hangs", get(std::future::pending::<()>))
            .route("/hangs-within", get(hangs_within))
            .layer(map_request(count_request));
        runtime.spawn(async { axum::serve(listener, service).await.unwrap() });
        Upstream {
            address,
            requests,
            _runtime: runtime,
        }
    }

    /// How many have come.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// A body of a length that is announced.
async fn bytes(Path(bytes): Path<usize>) -> Vec<u8> {
    vec![b'x'; bytes]
}

/// A body of so many pieces, of a length that is not.
async fn pieces(Path(pieces): Path<usize>) -> Body {
    let piece = Bytes::from(vec![b'x'; PIECE_BYTES]);
    Body::from_stream(stream::iter(vec![piece; pieces]).map(Ok::<_, Infallible>))
}

/// How long the request's body is.
async fn count(body: Body) -> String {
    let lengths = body.into_data_stream().map(|piece| piece.unwrap().len());
    lengths.fold(0, async |sum, bytes| sum + bytes).await.to_string()
}

/// The request's headers, as they arrive.
async fn headers(headers: HeaderMap) -> String {
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    lines.collect()
}

async fn status(Path(status): Path<u16>) -> StatusCode {
    StatusCode::from_u16(status).unwrap()
}

async fn hangs_within() -> Body {
    let piece = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"x"))]);
    Body::from_stream(piece.chain(stream::pending()))
}
