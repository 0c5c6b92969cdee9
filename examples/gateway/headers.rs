//! What of a message is for the next hop only (RFC 9110, section 7.6.1), and what a proxy adds.

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        AUTHORIZATION, CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

use crate::keys::X_API_KEY;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Removes what concerns one connection alone, also what the message itself says is so. An upgrade goes with it: the upstream never
/// hears of it, and answers as if it had not been asked for.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection"] {
        headers.remove(name);
    }
}

/// Takes the key out of the request, which is none of the upstream's business.
pub(crate) fn remove_key(headers: &mut HeaderMap) {
    // Beside a key of its own header, Authorization is between the client and the upstream.
    if headers.remove(X_API_KEY).is_none() {
        headers.remove(AUTHORIZATION);
    }
}

/// Adds the client to those that the request came from.
pub(crate) fn add_forwarded_for(headers: &mut HeaderMap, client: IpAddr) {
    let before = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let chain: Vec<&str> = before.collect();
    let client = client.to_canonical().to_string();
    let chain = chain.into_iter().chain([&*client]).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::from_str(&chain) {
        headers.insert(X_FORWARDED_FOR, value);
    }
}
