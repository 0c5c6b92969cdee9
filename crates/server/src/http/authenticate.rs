//! Who sent a request.

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequestParts, MatchedPath, Request},
    http::{Method, request::Parts},
    response::Response,
};
use tokio::time::Instant;

use super::{AppState, error::Problem, request_metrics::RequestMetrics};
use crate::{
    auth::{ApiKey, CredentialError, Keyring, Principal, credentials},
    clients::Clients,
    clock::now_ms,
    intake::RequestUsage,
    serve::{Exchange, Peer},
    usage_log::UsageLogHandle,
};

/// Handlers are given whom the [middleware](super::middleware) admitted. Every route is surrounded by it, which a test holds
/// (`protocol/tests.rs`): one that is not answers nothing.
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let exchange = parts.extensions.get::<Exchange>().ok_or_else(Problem::internal)?;
        Ok(admitted(exchange)?.principal().clone())
    }
}

/// What a request uses that the middleware admitted.
pub(crate) fn admitted(exchange: &Exchange) -> Result<&RequestUsage, Problem> {
    exchange.usage().ok_or_else(Problem::internal)
}

/// How much of `X-Client-Id` tells clients apart.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// Knows whose key a request has.
#[derive(Debug)]
pub(super) struct Authentication {
    keyring: Keyring,
    clients: Clients,
    requests: Arc<RequestMetrics>,
    usage_log: UsageLogHandle,
}

impl FromRef<AppState> for Authentication {
    fn from_ref(state: &AppState) -> Self {
        Authentication {
            keyring: Keyring::from_ref(state),
            clients: Clients::from_ref(state),
            requests: FromRef::from_ref(state),
            usage_log: FromRef::from_ref(state),
        }
    }
}

impl Authentication {
    /// Who sent the request, if they have a key; notes the client.
    pub(super) fn authenticate(&self, request: &Request) -> Result<Principal, Problem> {
        let (why, problem) = match credentials(request.headers()) {
            Ok(credential) => match self.keyring.find(credential.as_str()) {
                Some(key) => {
                    self.note_client(&key, request);
                    return Ok(key.principal());
                }
                None => ("it is unknown or expired", Problem::unknown_key()),
            },
            Err(error @ CredentialError::Missing) => ("there is none", error.into()),
            Err(error @ CredentialError::Malformed(_)) => ("it is malformed", error.into()),
        };
        self.requests.refused_keys.note(request, why, &self.usage_log);
        Err(problem)
    }

    /// A client is told apart by the id that it sends, else by its address; those that come by a unix socket have none.
    fn note_client(&self, key: &ApiKey, request: &Request) {
        let peer = || Some(request.extensions().get::<Exchange>()?.peer());
        match (client_id(request), peer().map(Peer::ip)) {
            (Some(id), _) => self.clients.note(&key.name, id, now_ms()),
            (None, Some(Some(address))) => self.clients.note_address(&key.name, address, now_ms()),
            (None, Some(None)) => self.clients.note(&key.name, "unix", now_ms()),
            (None, None) => {}
        }
    }
}

/// By what a client calls itself, cut to what tells clients apart.
pub(super) fn client_id(request: &Request) -> Option<&str> {
    let id = request.headers().get("x-client-id")?.to_str().ok()?;
    (!id.is_empty()).then(|| id.get(..CLIENT_ID_BYTES_MAX).unwrap_or(id))
}

/// The route of what nothing answers.
const NO_ROUTE: &str = "none";

/// The pattern that a request matches, never what a client sent.
pub(super) fn route(request: &Request) -> &str {
    request.extensions().get().map_or(NO_ROUTE, MatchedPath::as_str)
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

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    /// The pattern, never what a client sent.
    pub(super) fn route(&self) -> &str {
        self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str)
    }

    pub(super) fn end(self, requests: &RequestMetrics, answer: &Response) {
        requests.request(&self.method, self.route(), answer.status(), self.began.elapsed());
    }
}
