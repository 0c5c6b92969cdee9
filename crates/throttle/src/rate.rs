//! Bytes per second.

use std::{fmt, str::FromStr};

/// How fast: bytes per second. Zero means unlimited.
///
/// Any value is legal. From 1 B/s to 100 GB/s it is kept to the byte; what is faster than a nanobyte ledger of 63 bits
/// can hold for 20 ms (about 460 GB/s) is in effect unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate(u64);

impl Rate {
    /// No limit.
    pub const UNLIMITED: Rate = Rate(0);

    /// So many bytes in a second; 0 is [`Rate::UNLIMITED`].
    pub const fn bytes_per_second(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1024 bytes in a second; 0 is [`Rate::UNLIMITED`]. More than 64 bits hold is the most that they do.
    pub const fn kib_per_second(kib: u64) -> Self {
        Self(kib.saturating_mul(1024))
    }

    /// The bytes per second; 0 if unlimited.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Is there no limit?
    pub const fn is_unlimited(self) -> bool {
        self.0 == 0
    }
}

impl From<u64> for Rate {
    fn from(bytes_per_second: u64) -> Self {
        Self(bytes_per_second)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unlimited() {
            f.write_str("unlimited")
        } else {
            write!(f, "{} B/s", self.0)
        }
    }
}

/// A text that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no rate: write bytes per second, such as 1500000, 256KiB or 25MB, or 0 or `unlimited` for no limit"
)]
pub struct ParseRateError {
    text: String,
}

/// `1500000`, `256KiB`, `25MB`, `1GiB`, each with `/s` or without; `0`, `none` and `unlimited` are no limit.
impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseRateError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Rate> {
    let lower = text.trim().to_ascii_lowercase();
    if matches!(lower.as_str(), "none" | "unlimited") {
        return Some(Rate::UNLIMITED);
    }
    let amount = lower.strip_suffix("/s").unwrap_or(&lower).trim_end();
    let digits = amount.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match amount.get(digits.len()..)?.trim_start() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    if digits.starts_with('+') {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(text.parse::<Rate>().ok().map(Rate::get), expected, "{text:?}");
    }

    #[test]
    fn a_rate_is_read_from_text() {
        check("0", Some(0));
        check("none", Some(0));
        check(" Unlimited ", Some(0));
        check("1", Some(1));
        check("1500000", Some(1_500_000));
        check("256KiB", Some(256 << 10));
        check("256 KiB/s", Some(256 << 10));
        check("25MB", Some(25_000_000));
        check("100GB/s", Some(100_000_000_000));
        check("18446744073709551615", Some(u64::MAX));
        check("18446744073709551616", None);
        check("99999999999GiB", None);
        check("-1", None);
        check("+1", None);
        check("1.5MB", None);
        check("", None);
        check("/s", None);
        check("fast", None);
        check("1 parsec", None);
    }

    #[test]
    fn an_error_names_the_text_and_what_would_do() {
        let error = "-5".parse::<Rate>().unwrap_err().to_string();
        assert!(error.contains("\"-5\"") && error.contains("256KiB"), "{error}");
    }
}
