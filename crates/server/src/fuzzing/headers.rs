//! Fuzz target: the headers that the hub reads itself.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    auth::credentials,
    content_coding::ContentCoding,
    exposition::{accepted_encoding, negotiate},
};

/// The value of a header: `Accept`, `Accept-Encoding`, `Authorization`, `X-API-Key`. Scrapers get nothing that they did not
/// ask for; a key that is found is not empty.
pub fn headers(input: &[u8]) -> bool {
    if let Ok(text) = std::str::from_utf8(input) {
        let content_type = negotiate(text).content_type();
        assert!(HeaderValue::from_static(content_type).to_str().is_ok());
        if text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
            encoding_was_asked_for(text);
        }
        password_is_found(text);
    }
    let Ok(value) = HeaderValue::from_bytes(input) else {
        return false;
    };
    let key_of = |name: HeaderName| {
        let map = HeaderMap::from_iter([(name, value.clone())]);
        credentials(&map).map(|key| key.as_str().to_owned())
    };
    let own = key_of(HeaderName::from_static("x-api-key"));
    let standard = key_of(AUTHORIZATION);
    assert!(own.as_ref().map_or("", |key| key.trim()).len() == own.as_ref().map_or(0, String::len));
    assert!(own.iter().chain(&standard).all(|key| !key.is_empty()));
    standard.is_ok()
}

/// Nobody gets a coding that the header does not name, or names only to refuse it; `*` is all that it does not name.
fn encoding_was_asked_for(header: &str) {
    let names: &[&str] = match accepted_encoding(header) {
        ContentCoding::Identity => return,
        ContentCoding::Gzip => &["gzip", "x-gzip"],
        #[cfg(feature = "zstd")]
        ContentCoding::Zstd => &["zstd"],
    };
    let header = header.replace([' ', '\t'], "").to_ascii_lowercase();
    let elements = || {
        header
            .split(',')
            .map(|element| element.split_once(';').unwrap_or((element, "")))
    };
    let asked = elements().any(|(name, parameters)| names.contains(&name) && parameters != "q=0");
    let by_star = elements().any(|(name, _)| name == "*") && !elements().any(|(name, _)| names.contains(&name));
    assert!(asked || by_star);
}

/// `Basic` gives back the password, whatever it is.
fn password_is_found(text: &str) {
    let Some((_, password)) = text.split_once(':') else {
        return;
    };
    let header = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(text))).expect("base64 is ASCII");
    let map = HeaderMap::from_iter([(AUTHORIZATION, header)]);
    let found = credentials(&map);
    assert_eq!(found.as_ref().map_or("", |key| key.as_str()), password);
}
