//! What the gateway itself answers, as RFC 9457 has it.

use std::{error::Error, io, iter::successors, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body_util::Full;
use hyper_util::client::legacy::Error as ClientError;
use nexus_usage::Refusal;
use serde_json::json;

use crate::account::Refused;

/// Why a request gets no answer of the upstream.
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<Duration>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem {
            status,
            detail: detail.into(),
            retry_after: None,
        }
    }

    pub(crate) fn no_key() -> Self {
        let detail = "a key is needed that is known here: X-API-Key: KEY, or Authorization: Bearer KEY";
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// The upstream gives no answer: the request's own body may be the reason.
    pub(crate) fn of_upstream(error: &ClientError) -> Self {
        let sources = || successors(error.source(), |error| (*error).source());
        if let Some(refusal) = sources().find_map(|source| source.downcast_ref()) {
            return Problem::used_up(refusal);
        }
        let mut io_errors = sources().filter_map(|source| source.downcast_ref::<io::Error>());
        if io_errors.any(|error| error.kind() == io::ErrorKind::TimedOut) {
            let detail = "the upstream did not accept a connection in time";
            return Problem::new(StatusCode::GATEWAY_TIMEOUT, detail);
        }
        let detail = match error.is_connect() {
            true => "the upstream cannot be reached",
            false => "the upstream failed",
        };
        Problem::new(StatusCode::BAD_GATEWAY, detail)
    }

    /// A monthly limit is used up.
    pub(crate) fn used_up(refusal: &Refusal) -> Self {
        Problem::too_many(refusal.to_string(), refusal.retry_after)
    }

    fn too_many(detail: String, wait: Duration) -> Self {
        Problem {
            retry_after: Some(wait),
            ..Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({ "title": title, "status": self.status.as_u16(), "detail": self.detail });
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            // Rounded up: who comes back after it does not come too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.max(1).into());
        }
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooFast(wait) => Problem::too_many("too many requests a second".to_owned(), wait),
            Refused::UsedUp(refusal) => Problem::used_up(&refusal),
        }
    }
}
