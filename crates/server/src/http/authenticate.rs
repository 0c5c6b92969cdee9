use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request},
    http::Method,
    response::Response,
};
use tokio::time::Instant;

use super::{Api, error::Problem};
use crate::{
    auth::{ApiKey, Denied, Scope, credentials},
    clock::now_ms,
    serve::{ConnectionInfo, Peer},
};

/// Who sent the request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) key: Arc<ApiKey>,
}

impl Caller {
    /// The prefix that bounds what the key may see and touch; empty for everything.
    pub(super) fn prefix(&self) -> &str {
        self.key.prefix.as_ref().map_or("", |prefix| prefix.as_str())
    }

    pub(super) fn has(&self, scope: Scope) -> Result<(), Denied> {
        self.key.has(scope)
    }
}

/// How much of `X-Client-Id` tells clients apart.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// Who sent the request, if they have a key; notes the client.
pub(super) fn authenticate(api: &Api, request: &Request) -> Result<Caller, Problem> {
    let found = match credentials(request.headers()) {
        Ok(credential) => api.keyring.find(credential.as_str()).ok_or_else(Problem::unknown_key),
        Err(error) => Err(error.into()),
    };
    let key = found.inspect_err(|_| api.requests.auth_failed())?;
    note_client(api, &key, request);
    Ok(Caller { key })
}

/// A client is told apart by the id that it sends, else by its address; those that come by a unix socket have none.
fn note_client(api: &Api, key: &ApiKey, request: &Request) {
    let peer = || Some(request.extensions().get::<ConnectionInfo>()?.peer);
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
