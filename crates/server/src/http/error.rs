//! The only place where errors become status codes: [`Problem`], RFC 9457.
//!
//! A client that asks for JSON gets `application/problem+json`; one that asks for nothing or for text, as curl does, gets
//! one line that a person can read.

mod usage;

use std::fmt::Write as _;

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    accept::{preferred, values_of},
    auth::{CredentialError, Denied, KeysError},
    content_coding::ContentCoding,
    feature::Feature,
    ingest::{
        batch::{BadItem, BatchError},
        rest::RestError,
    },
    selector::SelectorError,
    store::SnapshotError,
    write::{Outcome, Reason, Refusal, Unavailable},
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

fn urn(slug: &str) -> String {
    format!("urn:metric-nexus:problem:{slug}")
}

impl Problem {
    pub(super) fn new(status: StatusCode, slug: &str, detail: impl Into<String>) -> Self {
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

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub(super) fn body_too_large(max: usize, setting: &str) -> Self {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            format!("the body is over the limit of {max} bytes (limits.{setting})"),
        )
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

    pub(super) fn unknown_key() -> Self {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Invalid or expired API Key").challenged()
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::CONFLICT, "kind-conflict", detail)
    }

    pub(super) fn exists(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::CONFLICT, "exists", detail)
    }

    pub(super) fn no_usage_log() -> Self {
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

    fn render(self, form: Form) -> Response {
        let mut response = match form {
            Form::Json => {
                let body = serde_json::to_vec(&self).unwrap_or_default();
                ([(CONTENT_TYPE, "application/problem+json")], body).into_response()
            }
            Form::Lines => {
                let lines: Vec<String> = std::iter::once(self.detail)
                    .chain(
                        self.errors
                            .iter()
                            .map(|item| format!("item {}: {}", item.index, item.detail)),
                    )
                    .collect();
                ([(CONTENT_TYPE, "text/plain; charset=utf-8")], lines.join("\n") + "\n").into_response()
            }
        };
        *response.status_mut() = self.status;
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

/// How a failure is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// `application/problem+json`.
    Json,
    /// For people, and for scripts: a line, and one for each item.
    Lines,
}

impl Form {
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let offered = [
            ("text/plain", Form::Lines),
            ("application/problem+json", Form::Json),
            ("application/json", Form::Json),
        ];
        preferred(&values_of(headers, ACCEPT), &offered).unwrap_or(Form::Lines)
    }
}

/// Gives a failed answer its body, in the form that the client accepts.
pub(super) fn render(form: Form, mut response: Response) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return problem.render(form);
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allow = response.headers().get(ALLOW).cloned();
        let problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "Method Not Allowed",
        );
        return allow
            .map_or_else(|| problem.clone(), |allow| problem.clone().with(ALLOW, allow))
            .render(form);
    }
    response
}

/// What a client gets when a handler panicked; the panic is in the log.
pub(super) fn panicked() -> Response {
    Problem::internal().into_response()
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

impl From<RestError> for Problem {
    fn from(error: RestError) -> Self {
        let slug = match error {
            RestError::NotANumber(_) => "not-a-number",
            RestError::Name(_) | RestError::ReservedPath(_) => "bad-name",
            RestError::Label(_) | RestError::LabelName(_) => "bad-label",
            _ => "bad-request",
        };
        Problem::new(StatusCode::BAD_REQUEST, slug, error.to_string())
    }
}

impl From<SelectorError> for Problem {
    fn from(error: SelectorError) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "bad-selector", error.to_string())
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let detail = error.to_string();
        match error {
            BatchError::TooMany { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many-changes", detail),
            BatchError::Malformed { index, reason } => Problem {
                errors: vec![ItemProblem {
                    index,
                    kind: urn("bad-item"),
                    detail: reason,
                }],
                ..Problem::new(
                    StatusCode::BAD_REQUEST,
                    "bad-item",
                    "the body cannot be read beyond one of its items; nothing was changed",
                )
            },
            BatchError::Items(items) => {
                let detail = format!("{detail}; nothing was changed");
                let errors = items.into_iter().map(|BadItem { index, reason }| ItemProblem {
                    index,
                    kind: urn("bad-item"),
                    detail: reason,
                });
                Problem {
                    errors: errors.collect(),
                    ..Problem::new(StatusCode::BAD_REQUEST, "bad-item", detail)
                }
            }
        }
    }
}

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        let detail = error.to_string();
        match error {
            KeysError::Exists(_) => Problem::exists(detail),
            KeysError::Unknown(..) => Problem::not_found(detail),
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

/// The status and the sort of problem that a refused change is.
fn reason(reason: &Reason) -> (StatusCode, &'static str) {
    match reason {
        Reason::UnknownFamily(_) | Reason::UnknownSeries(..) => (StatusCode::NOT_FOUND, "unknown-metric"),
        Reason::KindConflict { .. } => (StatusCode::CONFLICT, "kind-conflict"),
        Reason::BucketsConflict(_) => (StatusCode::CONFLICT, "buckets-conflict"),
        Reason::NameCollision { .. } => (StatusCode::CONFLICT, "name-collision"),
        Reason::CounterDown { .. } => (StatusCode::CONFLICT, "counter-down"),
        Reason::ReservedName(name) if name.as_str().starts_with("__") => (StatusCode::BAD_REQUEST, "bad-name"),
        Reason::ReservedName(_) => (StatusCode::FORBIDDEN, "reserved-name"),
        Reason::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
        Reason::UnsupportedKind(..) => (StatusCode::BAD_REQUEST, "unsupported-type"),
        Reason::ReservedLabel(_) | Reason::LabelCollision { .. } => (StatusCode::BAD_REQUEST, "bad-label"),
        Reason::NotFinite { .. } => (StatusCode::BAD_REQUEST, "not-finite"),
        Reason::Limit { setting, .. } if setting.starts_with("series") || setting.starts_with("families") => {
            (StatusCode::TOO_MANY_REQUESTS, "limit-reached")
        }
        Reason::Limit { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "limit-exceeded"),
    }
}

/// What a write with many changes tells whose key may not make these of them.
pub(super) fn denied(items: Vec<(usize, Denied)>) -> Problem {
    let errors = items.into_iter().map(|(index, denied)| ItemProblem {
        index,
        kind: urn("forbidden"),
        detail: denied.to_string(),
    });
    Problem {
        errors: errors.collect(),
        ..Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "the key may not make some of the changes; nothing was changed",
        )
    }
}

/// What a write with one change tells: its refusal is the problem.
pub(super) fn refused_one(refusal: &Refusal) -> Problem {
    let (status, slug) = reason(&refusal.reason);
    Problem::new(status, slug, refusal.reason.to_string())
}

/// What a write with many changes tells: the first refusal gives the status, and all are listed.
pub(super) fn refused(refusals: &[Refusal]) -> Problem {
    let Some(first) = refusals.first() else {
        return Problem::internal();
    };
    let errors = refusals.iter().map(|refusal| ItemProblem {
        index: refusal.index,
        kind: urn(reason(&refusal.reason).1),
        detail: refusal.reason.to_string(),
    });
    let detail = format!("{} of the changes cannot be; nothing was changed", refusals.len());
    Problem {
        detail,
        errors: errors.collect(),
        ..refused_one(first)
    }
}

/// What became of a write that did not happen, or perhaps did.
pub(super) fn outcome(outcome: &Outcome) -> Problem {
    match outcome {
        Outcome::Refused(refusals) => refused(refusals),
        Outcome::Applied(..) | Outcome::Replayed(_) => Problem::internal(),
        Outcome::KeyReused => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "this Idempotency-Key was used for another request: method, path, query and body must be the same",
        ),
        Outcome::Unknown => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "outcome-unknown",
            "the journal failed under this write: it may or may not have happened",
        )
        .retry_after(1),
        Outcome::Unavailable(why) => {
            let (slug, detail) = match why {
                Unavailable::QueueFull => (
                    "queue-full",
                    "too many writes are waiting (limits.queue_writes_max, limits.queue_bytes_max)",
                ),
                Unavailable::ReadOnly => (
                    "read-only",
                    "the journal cannot be written, so no writes are taken; /-/ready says why",
                ),
                Unavailable::Stopping => ("stopping", "the hub is stopping"),
            };
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, slug, detail).retry_after(1)
        }
    }
}

/// Not ready for writes.
pub(super) fn not_ready(why: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "read-only", why).retry_after(1)
}
