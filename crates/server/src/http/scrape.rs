//! The scrape.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRef, State},
    http::{
        HeaderMap, Uri,
        header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    AppState,
    error::Problem,
    query::{Parameters, SelectorReader},
};
use crate::{
    accept::values_of,
    auth::{Principal, Scope},
    background::Background,
    config::{Config, Created},
    content_coding::ContentCoding,
    exposition::{self, GzipCache, Scrape, accepted_encoding, negotiate},
    memory::RequestMemory,
    own_metrics::OwnMetrics,
    store::{Store, view::Filter},
};

/// What Prometheus scrapes: everything that the key may see.
#[utoipa::path(
    get, path = "/__metrics", tag = "scrape",
    params(("prefix" = Option<Vec<String>>, Query, description = "Only metrics whose names begin so, or with one of several"),
        ("match[]" = Option<Vec<String>>, Query, description = "Only series that one of these selectors matches")),
    responses((status = 200, description = "Text 0.0.4 or OpenMetrics 1.0, as negotiated", body = String, content_type = "text/plain"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn scrape(
    State(own): State<OwnMetrics>,
    State(store): State<Store>,
    State(config): State<Arc<Config>>,
    State(bodies): State<Bodies>,
    caller: Principal,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.has(Scope::Scrape)?;
    let mut held = bodies.memory.hold(&caller.name);
    held.grow(SCRAPE_BYTES)?;
    let parameters = Parameters::read(uri.query(), &["prefix", "match[]"])?;
    let filter = Filter {
        covered: caller.covered(),
        asked: parameters.prefixes(),
        selectors: parameters.selectors(&bodies.selectors, &caller.name).await?,
    };
    let negotiated = negotiate(&values_of(&headers, ACCEPT));
    let encoding = accepted_encoding(&values_of(&headers, ACCEPT_ENCODING));
    let scrape = Scrape::begin(
        store.view(),
        own.gather(),
        filter,
        negotiated.format,
        negotiated.escaping,
    );
    let scrape = match config.scrape.created {
        Created::Exposed => scrape.show_created(),
        Created::Hidden => scrape,
    };
    let body = bodies.stream(caller.name, scrape, encoding)?;
    let mut response = held.until_the_end_of(body).into_response();
    let set = response.headers_mut();
    set.insert(
        CONTENT_TYPE,
        axum::http::HeaderValue::from_static(negotiated.content_type()),
    );
    set.insert(VARY, axum::http::HeaderValue::from_static("accept, accept-encoding"));
    if let Some(encoding) = encoding.as_str() {
        set.insert(CONTENT_ENCODING, axum::http::HeaderValue::from_static(encoding));
    }
    Ok(response)
}

/// The same under the name that Prometheus asks for if it is told none.
#[utoipa::path(get, path = "/metrics", tag = "scrape", responses((status = 200, description = "As /__metrics")))]
pub(super) async fn alias(
    own: State<OwnMetrics>,
    store: State<Store>,
    config: State<Arc<Config>>,
    bodies: State<Bodies>,
    caller: Principal,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    scrape(own, store, config, bodies, caller, uri, headers).await
}

/// All ways to a scrape. They share the compressed chunks that one scrape leaves for the next.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(scrape))
        .routes(routes!(alias))
        // With a slash at the end, as metric-nexus takes it.
        .route("/__metrics/", get(scrape))
        .route("/metrics/", get(alias))
}

/// What makes bodies of scrapes.
#[derive(Clone)]
pub(super) struct Bodies {
    gzip_cache: GzipCache,
    background: Background,
    memory: RequestMemory,
    selectors: SelectorReader,
}

/// What a scrape that is not taken holds, about: a chunk, and what compresses it.
const SCRAPE_BYTES: usize = 640 << 10;

impl FromRef<AppState> for Bodies {
    fn from_ref(state: &AppState) -> Self {
        Bodies {
            gzip_cache: GzipCache::from_ref(state),
            background: Background::from_ref(state),
            memory: RequestMemory::from_ref(state),
            selectors: SelectorReader::from_ref(state),
        }
    }
}

impl Bodies {
    /// A body that is made chunk by chunk as the scraper takes it: a slow one holds one chunk and no thread.
    fn stream(self, key: Arc<str>, scrape: Scrape, encoding: ContentCoding) -> Result<Body, Problem> {
        let Bodies {
            gzip_cache, background, ..
        } = self;
        let body = exposition::Body::new(scrape, encoding, gzip_cache).map_err(|error| {
            tracing::error!(%error, "cannot begin to compress a scrape");
            Problem::internal()
        })?;
        let pieces = stream::try_unfold((body, background, key), |(mut body, background, key)| async move {
            // Writing numbers and compressing is work for a thread of its own, or other requests would wait for it.
            let made = background.run_of(&key, move || {
                body.next_piece()
                    .map(|piece| piece.map(|piece| (Bytes::from(piece), body)))
            });
            let made = made.await.map_err(std::io::Error::other)??;
            Ok::<_, std::io::Error>(made.map(|(piece, body)| (piece, (body, background, key))))
        });
        Ok(Body::from_stream(pieces))
    }
}
