//! A key in the clear, for the moment between making and showing it.

use super::digest::{Digest, hex};
use std::io;

/// A new API key: `mnx_` and 256 random bits in hexadecimal digits. Debug output does not show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret(nexus_usage::Secret);

impl Secret {
    /// From the operating system's random numbers.
    ///
    /// # Errors
    /// If it has none.
    pub(crate) fn generate() -> io::Result<Self> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(io::Error::other)?;
        Ok(Secret(nexus_usage::Secret::new(format!("mnx_{}", hex(&bits)))))
    }

    /// The key itself, to show it once.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is kept of it.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.0.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_never_the_same() {
        let (one, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_ne!(one, other);
        assert_ne!(one.digest(), other.digest());
        let digits = one.expose().strip_prefix("mnx_").unwrap();
        assert_eq!(digits.len(), 64);
        assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(format!("{one:?}"), "Secret(Secret(…))");
    }
}
