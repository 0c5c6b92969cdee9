//! The key that a request presents, in any of the forms that clients use.
//!
//! | header | who |
//! |---|---|
//! | `X-API-Key: K` | anyone |
//! | `Authorization: Bearer K` | Prometheus, most clients |
//! | `Authorization: token K` | metric-nexus's clients |
//! | `Authorization: Basic …` | Prometheus' client libraries; the key is the password, the user name does not matter |
//!
//! `X-API-Key` wins over `Authorization`, which a proxy in front may use for itself. A header that is there twice is
//! refused rather than chosen from.

use axum::http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, Entry},
};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::{borrow::Cow, fmt};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Marks the headers that hold keys: nothing that shows a request shows those.
pub(crate) fn hide(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, X_API_KEY] {
        if let Ok(Entry::Occupied(mut found)) = headers.try_entry(name) {
            found.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
}

/// What a request presents as its key. Debug output does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credential<'a>(Cow<'a, str>);

impl Credential<'_> {
    /// The key, not empty.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// Why a request presents no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CredentialError {
    /// Neither header is there.
    #[error("send it as `Authorization: Bearer KEY`")]
    Missing,
    /// A header is there, and says nothing that could be a key; says why.
    #[error("{0}")]
    Malformed(&'static str),
}

use CredentialError::{Malformed, Missing};

/// The key in the headers of a request; whether it is one of ours, only the keyring knows.
///
/// # Errors
/// See [`CredentialError`].
pub(crate) fn credentials(headers: &HeaderMap) -> Result<Credential<'_>, CredentialError> {
    if let Some(key) = single(headers, &X_API_KEY)? {
        return present(key.trim());
    }
    let value = single(headers, &AUTHORIZATION)?.ok_or(Missing)?;
    let (scheme, key) = value
        .trim()
        .split_once(' ')
        .ok_or(Malformed("a scheme and a key are expected"))?;
    let key = key.trim_start();
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") {
        present(key)
    } else if scheme.eq_ignore_ascii_case("basic") {
        password(key)
    } else {
        Err(Malformed("the scheme must be Bearer, token or Basic"))
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, CredentialError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Malformed("it is there twice"));
    }
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| Malformed("it is not UTF-8"))?;
    Ok(Some(text))
}

fn present(key: &str) -> Result<Credential<'_>, CredentialError> {
    if key.is_empty() {
        Err(Malformed("it is empty"))
    } else {
        Ok(Credential(Cow::Borrowed(key)))
    }
}

/// Padding may be left out, as some clients do, but not in part.
fn decode(text: &str) -> Option<Vec<u8>> {
    const PADDED: GeneralPurpose = base64(DecodePaddingMode::RequireCanonical);
    const BARE: GeneralPurpose = base64(DecodePaddingMode::RequireNone);
    let engine = if text.ends_with('=') { PADDED } else { BARE };
    engine.decode(text).ok()
}

const fn base64(padding: DecodePaddingMode) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(padding)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&alphabet::STANDARD, config)
}

fn password(encoded: &str) -> Result<Credential<'_>, CredentialError> {
    let decoded = decode(encoded).and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or(Malformed("Basic is expected to be base64 of UTF-8"))?;
    let (_user, key) = decoded
        .split_once(':')
        .ok_or(Malformed("Basic is expected to hold user:key"))?;
    if key.is_empty() {
        return Err(Malformed("Basic is expected to carry the key as password"));
    }
    Ok(Credential(Cow::Owned(key.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(headers: &[(&'static str, &[u8])]) -> Result<String, CredentialError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        credentials(&map).map(|credential| credential.as_str().to_owned())
    }

    #[test]
    fn all_forms_of_the_header() {
        fn check(name: &'static str, value: &str, expected: &str) {
            assert_eq!(
                read(&[(name, value.as_bytes())]),
                Ok(expected.to_owned()),
                "{name}: {value}"
            );
        }
        check("authorization", "Bearer K1", "K1");
        check("authorization", "bearer   K1 ", "K1");
        check("authorization", "BEARER K1", "K1");
        check("authorization", "token K1", "K1");
        check("authorization", "Token a b", "a b");
        check("x-api-key", "K1", "K1");
        check("x-api-key", "  K1 ", "K1");
        check("x-api-key", "größe", "größe");
        check("authorization", "Basic dXNlcjpLMQ==", "K1");
        check("authorization", "basic dXNlcjpLMQ", "K1");
        check("authorization", "Basic OksxOng=", "K1:x");
    }

    #[test]
    fn what_presents_no_key_says_why() {
        fn check(name: &'static str, value: &[u8], expected: &'static str) {
            assert_eq!(read(&[(name, value)]), Err(Malformed(expected)), "{name}");
        }
        assert_eq!(read(&[]), Err(Missing));
        assert_eq!(read(&[("accept", b"*/*")]), Err(Missing));
        check("x-api-key", b"", "it is empty");
        check("x-api-key", b"  ", "it is empty");
        check("x-api-key", b"\xff", "it is not UTF-8");
        check("authorization", b"", "a scheme and a key are expected");
        check("authorization", b"Bearer", "a scheme and a key are expected");
        check("authorization", b"Bearer ", "a scheme and a key are expected");
        check("authorization", b"K1", "a scheme and a key are expected");
        check(
            "authorization",
            b"Digest K1",
            "the scheme must be Bearer, token or Basic",
        );
        check("authorization", b"Basic !", "Basic is expected to be base64 of UTF-8");
        check(
            "authorization",
            b"Basic //8=",
            "Basic is expected to be base64 of UTF-8",
        );
        check("authorization", b"Basic SzE=", "Basic is expected to hold user:key");
        check(
            "authorization",
            b"Basic dXNlcjo=",
            "Basic is expected to carry the key as password",
        );
    }

    #[test]
    fn of_two_headers_the_key_s_own_wins_and_of_two_alike_none() {
        let basic: (&str, &[u8]) = ("authorization", b"Basic dXNlcjpLMQ==");
        assert_eq!(read(&[basic, ("x-api-key", b"K2")]), Ok("K2".to_owned()));
        assert_eq!(
            read(&[basic, ("authorization", b"Bearer K2")]),
            Err(Malformed("it is there twice"))
        );
        assert_eq!(
            read(&[("x-api-key", b"K1"), ("x-api-key", b"K1")]),
            Err(Malformed("it is there twice"))
        );
    }

    #[test]
    fn debug_output_keeps_the_key_to_itself() {
        assert_eq!(format!("{:?}", Credential("K1".into())), "Credential(…)");
    }

    #[test]
    fn the_vectors_of_the_rfc() {
        fn check(text: &str, expected: &str) {
            assert_eq!(decode(text).as_deref(), Some(expected.as_bytes()), "{text}");
            let bare = text.trim_end_matches('=');
            assert_eq!(decode(bare).as_deref(), Some(expected.as_bytes()), "{bare}");
        }
        check("", "");
        check("Zg==", "f");
        check("Zm8=", "fo");
        check("Zm9v", "foo");
        check("Zm9vYg==", "foob");
        check("Zm9vYmE=", "fooba");
        check("Zm9vYmFy", "foobar");
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["Z", "Z===", "Zg=", "Zm9v=", "Zm9vYg==Zg==", "=", "Zm-_", "Zm 9v", "ä"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
