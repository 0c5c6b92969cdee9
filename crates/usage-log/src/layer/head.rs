//! How long heads are.

use http::{HeaderMap, Request, Response};

/// The bytes of a request's head as HTTP/1.1 writes it.
pub fn request_head_bytes<B>(request: &Request<B>) -> u64 {
    let target = request.uri().path_and_query().map_or(1, |uri| uri.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    head_bytes(line, request.headers())
}

/// The bytes of a response's head as HTTP/1.1 writes it, without what the server adds.
pub fn response_head_bytes<B>(response: &Response<B>) -> u64 {
    let reason = response.status().canonical_reason().map_or(0, str::len);
    head_bytes("HTTP/1.1 200 \r\n".len() + reason, response.headers())
}

fn head_bytes(line: usize, headers: &HeaderMap) -> u64 {
    let fields = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    (line + fields.sum::<usize>() + "\r\n".len()) as u64
}
