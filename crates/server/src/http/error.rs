//! The only place where errors become status codes: [`Problem`], RFC 9457.
//!
//! A client that asks for JSON gets `application/problem+json`; one that asks for nothing or for text, as curl does, gets
//! one line that a person can read.

mod rejected;
mod usage;

use std::fmt::Write as _;

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

pub(super) use rejected::rejected_one;

use crate::{
    accept::{preferred, values_of},
    auth::{CredentialError, Denied, KeysError},
    content_coding::ContentCoding,
    feature::Feature,
    memory::OutOfMemory,
    selector::SelectorError,
    store::SnapshotError,
};

/// What went wrong, for whoever sent the request.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the sort of problem; never changes.
    #[serde(rename = "type")]
    kind: String,
    /// The status' own words.
    title: &'static str,
    /// The status code.
    #[schema(value_type = u16)]
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    /// What was wrong, and where.
    detail: String,
    /// The items of a batch that are wrong, at most a hundred of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ItemProblem>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with one item of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ItemProblem {
    /// The item's place, from 0.
    index: usize,
    #[serde(rename = "type")]
    kind: String,
    detail: String,
}

impl ItemProblem {
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The same of another item.
    pub(crate) fn at(self, index: usize) -> Self {
        ItemProblem { index, ..self }
    }

    pub(crate) fn new(index: usize, slug: &str, detail: impl Into<String>) -> Self {
        ItemProblem {
            index,
            kind: urn(slug),
            detail: detail.into(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

fn urn(slug: &str) -> String {
    format!("urn:metric-nexus:problem:{slug}")
}

impl Problem {
    fn new(status: StatusCode, slug: &str, detail: impl Into<String>) -> Self {
        Problem {
            kind: urn(slug),
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn retry_after(self, seconds: u32) -> Self {
        self.with(RETRY_AFTER, seconds.into())
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub(super) fn body_too_large(max: usize, setting: &str) -> Self {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            format!("the body is over the limit of {max} bytes (limits.{setting})"),
        )
    }

    pub(super) fn unsupported_type(found: &str, known: &[&str]) -> Self {
        let found: String = found.chars().take(100).collect();
        let detail = format!(
            "Content-Type {found:?} is not understood here: send {}",
            known.join(", ")
        );
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type", detail)
    }

    pub(super) fn unsupported_encoding(found: &str) -> Self {
        let supported = ContentCoding::SUPPORTED;
        let mut detail = format!("Content-Encoding {found:?} is not understood: send {supported} or nothing");
        if found == "zstd" {
            let _ = write!(detail, "; {}", Feature::Zstd);
        }
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", detail).with(
            HeaderName::from_static("accept-encoding"),
            HeaderValue::from_static(supported),
        )
    }

    pub(super) fn body_timeout() -> Self {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-timeout",
            "the body stopped arriving (limits.body_idle_timeout)",
        )
    }

    pub(super) fn expectation_failed() -> Self {
        Problem::new(
            StatusCode::EXPECTATION_FAILED,
            "expectation-failed",
            "over HTTP/2 this hub does not send 100 Continue: send the body at once, without `Expect: 100-continue`, or use HTTP/1.1",
        )
    }

    pub(super) fn unknown_key() -> Self {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Invalid or expired API Key").challenged()
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::CONFLICT, "kind-conflict", detail)
    }

    pub(super) fn exists(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::CONFLICT, "exists", detail)
    }

    pub(crate) fn no_usage_log() -> Self {
        Problem::not_found("this hub keeps no usage log (usage_log.enabled)")
    }

    pub(super) fn internal() -> Self {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the hub failed; its log says why",
        )
    }

    fn challenged(self) -> Self {
        self.with(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"metric-nexus\""),
        )
    }

    /// A request that is wrong in a way of its own.
    pub(crate) fn bad(slug: &str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, slug, detail)
    }

    /// More in one request than it may have.
    pub(crate) fn too_many(slug: &str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, slug, detail)
    }

    /// Names the items of the request that are wrong.
    pub(crate) fn naming(mut self, items: impl Iterator<Item = ItemProblem>) -> Self {
        self.errors = items.collect();
        self
    }

    /// What was wrong, and where.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The answer, with its body.
    pub(super) fn render(self, render: Render) -> Response {
        let (content_type, body) = render(&self);
        let mut response = ([(CONTENT_TYPE, content_type)], body).into_response();
        *response.status_mut() = self.status;
        // It may repeat what a client sent, which no browser is to take for anything but what it is said to be.
        response
            .headers_mut()
            .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response.headers_mut().extend(self.headers);
        response
    }
}

impl IntoResponse for Problem {
    /// Leaves the body to [`render`], which knows what the client accepts.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// How a protocol tells failures: chosen by the headers of a request, before anything else is known of it.
pub(crate) type ErrorForm = fn(&HeaderMap) -> Render;
/// Makes the body of a failed answer, and says of what type it is.
pub(crate) type Render = fn(&Problem) -> (&'static str, Vec<u8>);

/// What the client prefers: problem details, or a line for people and scripts, and one more for each item.
pub(crate) fn by_accept(headers: &HeaderMap) -> Render {
    let offered: [(&str, Render); 3] = [
        ("text/plain", lines),
        ("application/problem+json", problem_details),
        ("application/json", problem_details),
    ];
    preferred(&values_of(headers, ACCEPT), &offered).unwrap_or(lines)
}

fn problem_details(problem: &Problem) -> (&'static str, Vec<u8>) {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    ("application/problem+json", body)
}

fn lines(problem: &Problem) -> (&'static str, Vec<u8>) {
    let item = |item: &ItemProblem| format!("item {}: {}\n", item.index, item.detail);
    let items: String = problem.errors.iter().map(item).collect();
    (
        "text/plain; charset=utf-8",
        format!("{}\n{items}", problem.detail()).into_bytes(),
    )
}

/// Gives a failed answer of a handler, or of the router, its body.
pub(super) fn render(render: Render, mut response: Response) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return problem.render(render);
    }
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "Method Not Allowed",
    );
    match response.headers_mut().remove(ALLOW) {
        Some(allow) => problem.with(ALLOW, allow),
        None => problem,
    }
    .render(render)
}

impl From<OutOfMemory> for Problem {
    fn from(error: OutOfMemory) -> Self {
        let status = match error {
            OutOfMemory::Key(_) => StatusCode::TOO_MANY_REQUESTS,
            OutOfMemory::All(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Problem::new(status, "out-of-memory", error.to_string()).retry_after(1)
    }
}

impl From<CredentialError> for Problem {
    fn from(error: CredentialError) -> Self {
        let detail = format!("missing or malformed API Key: {error}");
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).challenged()
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", denied.to_string())
    }
}

impl From<SelectorError> for Problem {
    fn from(error: SelectorError) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "bad-selector", error.to_string())
    }
}

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        let detail = error.to_string();
        match error {
            KeysError::Exists(_) => Problem::exists(detail),
            KeysError::Unknown(..) => Problem::not_found(detail),
            KeysError::LastAdmin(_) => Problem::conflict(detail),
            KeysError::TooMany => Problem::new(StatusCode::TOO_MANY_REQUESTS, "limit-reached", detail),
            KeysError::Io { .. } | KeysError::Broken { .. } => {
                tracing::error!(%error, "the keys cannot be changed");
                Problem::internal()
            }
        }
    }
}

impl From<SnapshotError> for Problem {
    fn from(error: SnapshotError) -> Self {
        tracing::error!(%error, "a snapshot on demand failed");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "snapshot-failed", error.to_string()).retry_after(1)
    }
}

/// Not ready for writes.
pub(super) fn not_ready(why: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "read-only", why).retry_after(1)
}
