//! `X-Request-Id`, under which client, proxy and hub speak of one request.

use std::{
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    response::Response,
};

use crate::clock::now_ms;

const NAME: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ones are not repeated in answers and in the log.
const BYTES_MAX: usize = 128;

/// The id that the request came with, if it can be repeated.
pub(super) fn sent(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(NAME)?;
    let is_plain = id.as_bytes().iter().all(u8::is_ascii_graphic);
    (is_plain && (1..=BYTES_MAX).contains(&id.len())).then(|| id.clone())
}

/// Puts the id on the answer. A request that came without one needs one only if the hub failed, to be found in its log: one on
/// every answer would cost each of them.
pub(super) fn answer(id: Option<HeaderValue>, method: &Method, route: &str, answer: &mut Response) {
    let status = answer.status();
    let id = match id {
        Some(id) => id,
        None if status.is_server_error() => fresh(),
        None => return,
    };
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(request_id = ?id, %method, route, "a request failed");
    }
    answer.headers_mut().insert(NAME, id);
}

/// One that no other request of any hub is likely to have.
fn fresh() -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (next, process) = (NEXT.fetch_add(1, Relaxed), process::id());
    let id = format!("{:x}-{process:x}-{next:x}", now_ms());
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sent_id: Option<&[u8]>, status: u16, expected: Option<&str>) {
        let id = sent_id.map(|id| (NAME, HeaderValue::from_bytes(id).unwrap()));
        let id = sent(&HeaderMap::from_iter(id));
        let mut response = Response::default();
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        answer(id, &Method::GET, "/{metric}", &mut response);
        let found = response.headers().get(NAME).map(|id| id.to_str().unwrap());
        match expected {
            Some("fresh") => assert_eq!(found.unwrap().split('-').count(), 3, "{found:?}"),
            expected => assert_eq!(found, expected),
        }
    }

    #[test]
    fn an_id_that_was_sent_is_repeated_and_failures_have_one() {
        check(Some(b"7f01"), 204, Some("7f01"));
        check(Some(b"7f01"), 500, Some("7f01"));
        check(Some(&[b'a'; 128]), 404, Some(&"a".repeat(128)));
        check(Some(&[b'a'; 129]), 404, None);
        check(Some(&[b'a'; 129]), 500, Some("fresh"));
        check(Some(b"a b"), 204, None);
        check(Some(b"a\xff"), 204, None);
        check(Some(b""), 204, None);
        check(None, 204, None);
        check(None, 429, None);
        check(None, 500, Some("fresh"));
        check(None, 503, Some("fresh"));
    }
}
