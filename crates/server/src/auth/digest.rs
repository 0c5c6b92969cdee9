//! The SHA-256 of a key, which is all that the hub keeps of it.

use sha2::{Digest as _, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// The SHA-256 of an API key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// Of the key itself.
    pub(crate) fn of(key: &str) -> Self {
        Digest(Sha256::digest(key.as_bytes()).into())
    }

    /// From 64 hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        let bytes: Vec<u8> = digits.chunks_exact(2).filter_map(pair).collect();
        let whole = digits.len() == 64;
        <[u8; 32]>::try_from(bytes).ok().filter(|_| whole).map(Digest)
    }

    /// 64 hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// The first eight of them: enough to tell keys apart, far too little to find one.
    pub(crate) fn short(self) -> String {
        self.to_hex().chars().take(8).collect()
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub(crate) fn is(self, other: Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({}…)", self.short())
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn pair(digits: &[u8]) -> Option<u8> {
    match digits {
        [high, low] => Some(high << 4 | low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_is_sha_256_in_lower_case() {
        let digest = Digest::of("abc");
        assert_eq!(digest.to_hex(), ABC);
        assert_eq!(digest.short(), "ba7816bf");
        assert_eq!(Digest::from_hex(ABC), Some(digest));
        assert_eq!(Digest::from_hex(&ABC.to_uppercase()), Some(digest));
        assert!(digest.is(digest));
        assert!(!digest.is(Digest::of("abd")));
        assert_eq!(format!("{digest:?}"), "Digest(ba7816bf…)");
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in [
            "",
            "ba",
            &ABC[1..],
            &format!("{ABC}0"),
            &format!("{ABC}00"),
            &ABC.replace('b', "g"),
        ] {
            assert_eq!(Digest::from_hex(text), None, "{text}");
        }
    }
}
