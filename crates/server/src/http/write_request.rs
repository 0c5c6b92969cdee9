//! A request that changes something.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, request::Parts},
    response::AppendHeaders,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    Api,
    authenticate::admitted,
    body,
    error::{self, Problem},
};
use crate::{
    auth::{Principal, Scope},
    intake::{Submission, Written},
    serve::Exchange,
    write::{Change, Idempotency},
};

/// A request that changes something: by whom, what, and under which idempotency key.
#[derive(Debug)]
pub(super) struct WriteRequest {
    pub(super) caller: Principal,
    exchange: Exchange,
    pub(super) uri: Uri,
    pub(super) body: Bytes,
    pub(super) idempotency: Option<Idempotency>,
}

impl WriteRequest {
    /// Submits the one change of the request; its refusal is the whole answer.
    pub(super) async fn submit_one(&self, api: &Api, change: Change<'static>) -> Result<Written, Problem> {
        let written = api
            .intake
            .submit(admitted(&self.exchange)?, self.submission(vec![change]));
        written.await.map_err(error::rejected_one)
    }

    /// Submits the changes of the request, which happen all or not at all.
    pub(super) async fn submit(&self, api: &Api, changes: Vec<Change<'static>>) -> Result<Written, Problem> {
        let written = api.intake.submit(admitted(&self.exchange)?, self.submission(changes));
        Ok(written.await?)
    }

    fn submission(&self, changes: Vec<Change<'static>>) -> Submission {
        Submission {
            idempotency: self.idempotency,
            changes,
            ..Submission::default()
        }
    }
}

/// Tells the client whether the answer is that of an earlier try.
pub(super) fn replayed(written: &Written) -> AppendHeaders<Option<(HeaderName, HeaderValue)>> {
    let header = (
        HeaderName::from_static("idempotency-replayed"),
        HeaderValue::from_static("true"),
    );
    AppendHeaders(written.replayed.then_some(header))
}

impl FromRequest<Api> for WriteRequest {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, api: &Api) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let exchange = parts.extensions.remove::<Exchange>().ok_or_else(Problem::internal)?;
        let caller = admitted(&exchange)?.principal().clone();
        caller.has(Scope::Write)?;
        let key = key(&parts.headers)?.cloned();
        let body = body::read(&parts.headers, body, &api.config.limits).await?;
        let idempotency = key.map(|key| identify(&caller, &key, &parts, &body));
        Ok(WriteRequest {
            caller,
            exchange,
            uri: parts.uri,
            body,
            idempotency,
        })
    }
}

/// How long an idempotency key may be. Only its digest is kept.
const KEY_BYTES_MAX: usize = 255;

/// The idempotency key under either of its names.
fn key(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Problem> {
    let mut keys = ["idempotency-key", "x-idempotency-key"]
        .into_iter()
        .flat_map(|name| headers.get_all(name));
    let Some(key) = keys.next() else { return Ok(None) };
    if keys.any(|other| other != key) {
        return Err(Problem::bad_request("there is more than one Idempotency-Key"));
    }
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let detail = format!(
            "the Idempotency-Key has {} bytes, it may have 1 to {KEY_BYTES_MAX}",
            key.len()
        );
        return Err(Problem::bad_request(detail));
    }
    Ok(Some(key))
}

/// Two requests are the same if method, raw path and query, and decompressed body are. Keys of one API key mean nothing to
/// another.
fn identify(caller: &Principal, key: &HeaderValue, parts: &Parts, body: &[u8]) -> Idempotency {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    Idempotency {
        id: digest(&[caller.name.as_bytes(), key.as_bytes()]),
        fingerprint: digest(&[parts.method.as_str().as_bytes(), path.as_bytes(), body]),
    }
}

/// The first bytes of SHA-256 over the parts, each with its length.
fn digest<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut first = [0; N];
    first
        .iter_mut()
        .zip(hasher.finalize())
        .for_each(|(to, from)| *to = from);
    first
}
