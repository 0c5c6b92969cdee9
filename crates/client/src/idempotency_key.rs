//! The name of one write, by which a hub does it once.

use std::{fmt, str::FromStr};

use reqwest::header::{HeaderName, HeaderValue};

use crate::Error;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Names one write, so that a hub does it once however often it is sent.
///
/// The client makes one for each write by itself. It is of interest to whoever repeats a write on their own, say after the
/// process was started again: keep the key (its text, by [`Display`](fmt::Display) and [`FromStr`]) with what was sent, and
/// send both again by [`Client::write_with`](crate::Client::write_with) or
/// [`Client::write_encoded`](crate::Client::write_encoded).
///
/// A hub knows a key for 24 hours and for a million writes, where nothing else is configured, and for each API key apart.
///
/// ```
/// use nexus_client::IdempotencyKey;
///
/// let key = IdempotencyKey::random()?;
/// assert_eq!(key.to_string().parse::<IdempotencyKey>()?, key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(HeaderValue);

/// The text is not an idempotency key that hubs take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key must be text of 1 to {max} bytes, without line ends, and without blanks around it", max = IdempotencyKey::BYTES_MAX)]
#[non_exhaustive]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// How many bytes of text it may have: 255.
    pub const BYTES_MAX: usize = 255;

    /// A key that nobody else has: 128 random bits, written as 32 hexadecimal digits.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::invalid_because("cannot make an idempotency key", error))?;
        let text = format!("{:032x}", u128::from_be_bytes(bytes));
        text.parse()
            .map_err(|error: InvalidIdempotencyKey| Error::invalid(error.to_string()))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        // HTTP/1.1 loses blanks around a header's value.
        if text.is_empty() || text.len() > Self::BYTES_MAX || text.trim_matches([' ', '\t']) != text {
            return Err(InvalidIdempotencyKey);
        }
        HeaderValue::try_from(text)
            .map(IdempotencyKey)
            .map_err(|_| InvalidIdempotencyKey)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It was made of text.
        f.write_str(std::str::from_utf8(self.0.as_bytes()).unwrap_or_default())
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_a_header_can_carry() {
        let check = |text: &str, valid: bool| {
            let found = text.parse::<IdempotencyKey>().map(|key| key.to_string());
            let expected = valid.then(|| text.to_owned()).ok_or(InvalidIdempotencyKey);
            assert_eq!(found, expected, "{text:?}");
        };
        check("a", true);
        check("order 7/\"x\"", true);
        check("schlüssel", true);
        check(&"x".repeat(255), true);
        check(&"x".repeat(256), false);
        for bad in ["", " ", " a", "a\t", "a\nb", "a\r", "\u{7f}", "a\0"] {
            check(bad, false);
        }
    }

    #[test]
    fn random_keys_differ() {
        let keys: std::collections::HashSet<_> = (0..1000).map(|_| IdempotencyKey::random().unwrap()).collect();
        assert_eq!(keys.len(), 1000);
        assert!(keys.iter().all(|key| key.to_string().len() == 32));
    }
}
