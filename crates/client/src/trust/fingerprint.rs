//! The SHA-256 of a certificate.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

/// The SHA-256 of a certificate's DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

/// Why a text is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a SHA-256 fingerprint: 64 hexadecimal digits are expected")]
pub(crate) struct NotAFingerprint(String);

impl Fingerprint {
    pub(crate) fn of(der: &[u8]) -> Self {
        Fingerprint(Sha256::digest(der).into())
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// Reads what the hub prints, and what `openssl x509 -fingerprint` does.
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let wrong = || NotAFingerprint(text.to_owned());
        let trimmed = text.trim();
        let digits = trimmed.strip_prefix("sha256:").unwrap_or(trimmed);
        let mut digits = digits
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
        let mut digit = || digits.next().flatten().ok_or_else(wrong);
        let mut bytes = [0; 32];
        for byte in &mut bytes {
            *byte = digit()? << 4 | digit()?;
        }
        match digits.next() {
            None => Ok(Fingerprint(bytes)),
            Some(_) => Err(wrong()),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_they_are_printed() {
        let check = |text: &str, expected: Option<&str>| {
            let found = text.parse::<Fingerprint>().ok().map(|pin| pin.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        let hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        let canonical = format!("sha256:{hex}");
        let colons: Vec<_> = (0..32).map(|at| hex[2 * at..2 * at + 2].to_uppercase()).collect();
        check(hex, Some(&canonical));
        check(&canonical, Some(&canonical));
        check(&format!(" {hex}\n"), Some(&canonical));
        check(&colons.join(":"), Some(&canonical));
        check("", None);
        check("sha256:", None);
        check(&hex[1..], None);
        check(&format!("{hex}0"), None);
        check(&hex.replace('f', "g"), None);
        check(&hex.replace('f', "é"), None);
        check(&format!("sha1:{hex}"), None);
    }

    #[test]
    fn it_is_the_sha_256() {
        assert_eq!(
            Fingerprint::of(b"abc").to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
