use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::{extract::Request, http::Version, response::Response};
use nexus_usage_log::layer::{Exchange, WireBytes, request_head_bytes, response_head_bytes};

use crate::serve::ConnectionInfo;

/// What a request takes beside its bodies, for the usage log.
#[derive(Debug, Default)]
pub(super) enum Heads {
    /// Nobody asks.
    #[default]
    Ignored,
    /// The connection knows, with the framing: under HTTP/1.1 it serves one request after the other.
    RequestTimer(ConnectionInfo),
    /// Requests share the connection: what their heads would be under HTTP/1.1 is the best that can be said.
    Estimated { request: u64, response: AtomicU64 },
}

impl Heads {
    pub(super) fn of(request: &Request) -> Self {
        match request.extensions().get::<ConnectionInfo>() {
            Some(connection) if request.version() <= Version::HTTP_11 => Heads::RequestTimer(connection.clone()),
            _ => Heads::Estimated {
                request: request_head_bytes(request),
                response: AtomicU64::new(0),
            },
        }
    }

    pub(super) fn answered(&self, with: &Response) {
        if let Heads::Estimated { response, .. } = self {
            response.store(response_head_bytes(with), Relaxed);
        }
    }

    /// Has the record of the request written, with all that it took.
    pub(super) fn settle(&self, exchange: Exchange) {
        match self {
            Heads::Ignored => drop(exchange),
            Heads::RequestTimer(connection) => connection.ended(exchange),
            Heads::Estimated { request, response } => {
                let bodies = exchange.seen();
                exchange.settle(WireBytes {
                    bytes_in: bodies.bytes_in + request,
                    bytes_out: bodies.bytes_out + response.load(Relaxed),
                });
            }
        }
    }
}
