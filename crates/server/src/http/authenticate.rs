//! Who sent a request, and when it came.

use axum::{
    extract::{FromRequestParts, MatchedPath, Request},
    http::{Method, request::Parts},
    response::Response,
};
use tokio::time::Instant;

use super::{Api, error::Problem};
use crate::{
    auth::{ApiKey, Principal, credentials},
    clock::now_ms,
    intake::RequestUsage,
    serve::{Exchange, Peer},
};

/// Whoever sent the request, which the middleware admitted.
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let exchange = parts.extensions.get::<Exchange>().ok_or_else(Problem::internal)?;
        Ok(admitted(exchange)?.principal().clone())
    }
}

/// What a request uses that the middleware admitted.
pub(super) fn admitted(exchange: &Exchange) -> Result<&RequestUsage, Problem> {
    exchange.usage().ok_or_else(Problem::internal)
}

/// How much of `X-Client-Id` tells clients apart.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// Who sent the request, if they have a key; notes the client.
pub(super) fn authenticate(api: &Api, request: &Request) -> Result<Principal, Problem> {
    let found = match credentials(request.headers()) {
        Ok(credential) => api.keyring.find(credential.as_str()).ok_or_else(Problem::unknown_key),
        Err(error) => Err(error.into()),
    };
    let key = found.inspect_err(|_| api.requests.auth_failed())?;
    note_client(api, &key, request);
    Ok(key.principal())
}

/// A client is told apart by the id that it sends, else by its address; those that come by a unix socket have none.
fn note_client(api: &Api, key: &ApiKey, request: &Request) {
    let peer = || Some(request.extensions().get::<Exchange>()?.peer());
    match (client_id(request), peer().map(Peer::ip)) {
        (Some(id), _) => api.clients.note(&key.name, id, now_ms()),
        (None, Some(Some(address))) => api.clients.note_address(&key.name, address, now_ms()),
        (None, Some(None)) => api.clients.note(&key.name, "unix", now_ms()),
        (None, None) => {}
    }
}

/// By what a client calls itself, cut to what tells clients apart.
pub(super) fn client_id(request: &Request) -> Option<&str> {
    let id = request.headers().get("x-client-id")?.to_str().ok()?;
    (!id.is_empty()).then(|| id.get(..CLIENT_ID_BYTES_MAX).unwrap_or(id))
}

/// A request that is to be counted, with the time until its answer begins, by route.
pub(super) struct RequestTimer {
    began: Instant,
    method: Method,
    route: Option<MatchedPath>,
}

impl RequestTimer {
    pub(super) fn begin(request: &Request) -> Self {
        RequestTimer {
            began: Instant::now(),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
        }
    }

    pub(super) fn end(self, api: &Api, answer: &Response) {
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        api.requests
            .request(&self.method, route, answer.status(), self.began.elapsed());
    }
}
