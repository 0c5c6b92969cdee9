//! Requests that change something.

use axum::{
    body::Body,
    extract::{FromRef, FromRequest, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, request::Parts},
    response::AppendHeaders,
};
use sha2::{Digest, Sha256};

use super::{
    AppState,
    authenticate::admitted,
    body::{BodyReader, WholeBody},
    error::{self, Problem},
};
use crate::{
    auth::{Principal, Scope},
    intake::{Intake, Rejected, Submission, Written},
    serve::Exchange,
    write::{Applied, Change, Idempotency, Mode},
};

/// A request that changes something: by whom, what, and under which idempotency key.
#[derive(Debug)]
pub(crate) struct WriteRequest {
    pub(crate) caller: Principal,
    exchange: Exchange,
    pub(crate) uri: Uri,
    pub(crate) body: WholeBody,
    idempotency: Option<Idempotency>,
}

impl WriteRequest {
    /// Submits the one change of the request; its refusal is the whole answer.
    pub(crate) async fn submit_one(&self, intake: &Intake, change: Change<'static>) -> Result<Written, Problem> {
        let written = intake.submit(admitted(&self.exchange)?, self.submission(Mode::All, vec![change]));
        written.await.map_err(error::rejected_one)
    }

    /// Submits the changes of the request, which happen all or not at all.
    pub(crate) async fn submit(&self, intake: &Intake, changes: Vec<Change<'static>>) -> Result<Written, Problem> {
        let written = intake.submit(admitted(&self.exchange)?, self.submission(Mode::All, changes));
        Ok(written.await?)
    }

    /// Submits changes of which each may happen without the others; that none could is an answer like others.
    pub(crate) async fn submit_each(&self, intake: &Intake, changes: Vec<Change<'static>>) -> Result<Written, Problem> {
        let sent = changes.len() as u64;
        let submission = self.submission(Mode::Each, changes);
        let mut written = none_is_fine(intake.submit(admitted(&self.exchange)?, submission).await)?;
        if !written.refused.is_empty() && written.applied == Applied::default() {
            written.applied.refused = sent;
        }
        Ok(written)
    }

    /// Submits changes that come before those of the request's idempotency key, and may be made again; those that find nothing to
    /// change do nothing.
    pub(crate) async fn submit_part(&self, intake: &Intake, changes: Vec<Change<'static>>) -> Result<Written, Problem> {
        let submission = Submission {
            mode: Mode::Each,
            changes,
            ..Submission::default()
        };
        none_is_fine(intake.submit(admitted(&self.exchange)?, submission).await)
    }

    fn submission(&self, mode: Mode, changes: Vec<Change<'static>>) -> Submission {
        Submission {
            mode,
            idempotency: self.idempotency,
            changes,
            ..Submission::default()
        }
    }
}

/// That none of the changes could be is an outcome like others.
fn none_is_fine(written: Result<Written, Rejected>) -> Result<Written, Problem> {
    match written {
        Err(Rejected::Changes(refused)) => Ok(Written {
            applied: Applied::default(),
            replayed: false,
            refused,
        }),
        written => Ok(written?),
    }
}

/// Tells the client whether the answer is that of an earlier try.
pub(crate) fn replayed(written: &Written) -> AppendHeaders<Option<(HeaderName, HeaderValue)>> {
    let header = (
        HeaderName::from_static("idempotency-replayed"),
        HeaderValue::from_static("true"),
    );
    AppendHeaders(written.replayed.then_some(header))
}

impl FromRequest<AppState> for WriteRequest {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &AppState) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let exchange = parts.extensions.remove::<Exchange>().ok_or_else(Problem::internal)?;
        let caller = admitted(&exchange)?.principal().clone();
        caller.has(Scope::Write)?;
        let key = key(&parts.headers)?.cloned();
        let reader = BodyReader::from_ref(state);
        let body = reader.read(&parts.headers, body, &caller.name).await?;
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
