//! Requests that change something.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRef, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, request::Parts},
    response::AppendHeaders,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{AppState, Caller, body, error::Problem};
use crate::{
    auth::Scope,
    config::Config,
    write::{Applied, Idempotency},
};

/// A request that changes something: by whom, what, and under which idempotency key.
#[derive(Debug)]
pub(crate) struct WriteRequest {
    pub(crate) caller: Caller,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
    pub(crate) idempotency: Option<Idempotency>,
}

/// A write that happened, now or at an earlier try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) applied: Applied,
    pub(crate) replayed: bool,
}

impl Written {
    /// Tells the client that the answer is that of an earlier try.
    pub(crate) fn header(&self) -> AppendHeaders<Option<(HeaderName, HeaderValue)>> {
        let header = (
            HeaderName::from_static("idempotency-replayed"),
            HeaderValue::from_static("true"),
        );
        AppendHeaders(self.replayed.then_some(header))
    }
}

impl FromRequest<AppState> for WriteRequest {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &AppState) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        caller.has(Scope::Write)?;
        let key = key(&parts.headers)?.cloned();
        let body = body::read(&parts.headers, body, &Arc::<Config>::from_ref(state).limits).await?;
        let idempotency = key.map(|key| identify(&caller, &key, &parts, &body));
        Ok(WriteRequest {
            caller,
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
fn identify(caller: &Caller, key: &HeaderValue, parts: &Parts, body: &[u8]) -> Idempotency {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    Idempotency {
        id: digest(&[caller.key.name.as_bytes(), key.as_bytes()]),
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
