//! How numbers, sizes, durations, truth values and secrets are spelled: one reading for files, variables, flags and requests.

use std::{borrow::Cow, time::Duration};

/// The units of sizes. Those with an `i` count in 1024s, the others in 1000s.
const SIZES: [(&str, u64); 21] = [
    ("", 1),
    ("B", 1),
    ("k", 1_000),
    ("kB", 1_000),
    ("K", 1_000),
    ("KB", 1_000),
    ("M", 1_000_000),
    ("MB", 1_000_000),
    ("G", 1_000_000_000),
    ("GB", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("TB", 1_000_000_000_000),
    ("Ki", 1 << 10),
    ("KiB", 1 << 10),
    ("kiB", 1 << 10),
    ("Mi", 1 << 20),
    ("MiB", 1 << 20),
    ("Gi", 1 << 30),
    ("GiB", 1 << 30),
    ("Ti", 1 << 40),
    ("TiB", 1 << 40),
];

/// The units of durations, in nanoseconds, the longer ones first.
const DURATIONS: [(&str, u64); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// More decimals than anybody means.
const DECIMALS_MAX: usize = 9;

/// The byte order mark, in UTF-8.
const MARK: &str = "\u{feff}";

/// A whole number without a sign: `2000000`, `2_000_000`, also `2000000.0`.
#[must_use]
pub fn whole(text: &str) -> Option<u64> {
    let number = Decimal::read(&without_separators(text)?)?;
    number.times(1)
}

/// A whole number that came as a double, as some languages send all of their numbers.
#[must_use]
pub fn whole_double(value: f64) -> Option<u64> {
    /// Up to here a double is one whole number and no other.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = value.fract() == 0.0 && (0.0..=EXACT).contains(&value);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, not below zero, and small enough"
    )]
    is_whole.then_some(value as u64)
}

/// A number of bytes: `65536`, `64KiB`, `1.5 GiB`, `10M`. `k`, `M`, `G` and `T` count in thousands, with `i` in 1024s; a `B` behind
/// them changes nothing.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = quantity(text)?;
    let (_, unit_bytes) = SIZES.iter().find(|(name, _)| *name == unit)?;
    Decimal::read(&without_separators(number)?)?.times(*unit_bytes)
}

/// A stretch of time: `500ms`, `10s`, `1.5m`, `1m30s`, `1h 30m`, `7d`, `2w`. Without a unit it says nothing.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    let mut units = DURATIONS.iter();
    loop {
        let (number, behind) = quantity(rest)?;
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        // Each unit once, the longer ones first.
        let (_, unit_ns) = units.find(|(name, _)| *name == unit)?;
        let seconds = *unit_ns / 1_000_000_000;
        let number = Decimal::read(number)?;
        let part = match number.decimals {
            0 if seconds > 0 => Duration::from_secs(number.times(seconds)?),
            _ => Duration::from_nanos(number.times_or_less(*unit_ns)?),
        };
        sum = sum.checked_add(part)?;
        rest = behind.trim_start_matches(' ');
        if rest.is_empty() {
            return Some(sum);
        }
    }
}

/// Whether something is so: `true` or `false`, `yes` or `no`, `on` or `off`, `1` or `0`, in any case.
#[must_use]
pub fn truth(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match text {
        _ if is(["true", "yes", "on", "1"]) => Some(true),
        _ if is(["false", "no", "off", "0"]) => Some(false),
        _ => None,
    }
}

/// A secret without the byte order mark and the line end that editors, `echo` and mounted files put around it.
#[must_use]
pub fn secret(text: &str) -> &str {
    without_mark(text).trim_end_matches(['\r', '\n'])
}

/// A text without the byte order mark that some programs put before it.
#[must_use]
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// The same for what need not be UTF-8: how many bytes of it are a mark.
#[must_use]
pub fn mark_bytes(bytes: &[u8]) -> usize {
    match bytes.starts_with(MARK.as_bytes()) {
        true => MARK.len(),
        false => 0,
    }
}

/// Digits, perhaps with a decimal point, and what is behind them, with or without a blank between.
fn quantity(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '_'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    (!number.is_empty()).then(|| (number, unit.trim_start_matches(' ')))
}

/// `_` stands between digits only.
fn without_separators(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('_') {
        return Some(Cow::Borrowed(text));
    }
    let is_apart = text.starts_with('_')
        || text.ends_with('_')
        || text.contains("__")
        || text.contains("_.")
        || text.contains("._");
    (!is_apart).then(|| Cow::Owned(text.replace('_', "")))
}

/// A number without a sign and an exponent, exactly: so many parts of a power of ten.
#[derive(Clone, Copy)]
struct Decimal {
    parts: u64,
    decimals: usize,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let decimals = fraction.len();
        if decimals > DECIMALS_MAX {
            return None;
        }
        let parts = format!("{whole}{fraction}").parse().ok()?;
        Some(Decimal { parts, decimals })
    }

    /// So many times a unit, if that is whole.
    fn times(self, unit: u64) -> Option<u64> {
        let (product, scale) = self.scaled(unit)?;
        (product.checked_rem(scale)? == 0).then(|| u64::try_from(product / scale).ok())?
    }

    /// The same, without what is less than one.
    fn times_or_less(self, unit: u64) -> Option<u64> {
        let (product, scale) = self.scaled(unit)?;
        u64::try_from(product / scale).ok()
    }

    fn scaled(self, unit: u64) -> Option<(u128, u128)> {
        let scale = 10u128.checked_pow(u32::try_from(self.decimals).ok()?)?;
        Some((u128::from(self.parts) * u128::from(unit), scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(whole(text), expected, "{text}");
        check("0", Some(0));
        check("2_000_000", Some(2_000_000));
        check("100.0", Some(100));
        check("18446744073709551615", Some(u64::MAX));
        for wrong in [
            "",
            "_",
            "_1",
            "1_",
            "1__0",
            "1.5",
            "-1",
            "+1",
            "1e3",
            "0x10",
            "1.",
            ".5",
            "1.0.0",
            "٣",
            "18446744073709551616",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn doubles_are_whole_if_they_are() {
        let check = |value: f64, expected: Option<u64>| assert_eq!(whole_double(value), expected, "{value}");
        check(0.0, Some(0));
        check(-0.0, Some(0));
        check(100.0, Some(100));
        check(9_007_199_254_740_992.0, Some(1 << 53));
        for wrong in [0.5, -1.0, 1e300, f64::NAN, f64::INFINITY] {
            check(wrong, None);
        }
    }

    #[test]
    fn sizes() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(size(text), expected, "{text}");
        check("65536", Some(65_536));
        check("1_000kB", Some(1_000_000));
        check("12B", Some(12));
        check("10M", Some(10_000_000));
        check("10MB", Some(10_000_000));
        check("16 MiB", Some(16 << 20));
        check("16Mi", Some(16 << 20));
        check("1.5GiB", Some(3 << 29));
        check("0.5k", Some(500));
        check("2T", Some(2_000_000_000_000));
        for wrong in [
            "",
            "M",
            "1.0001k",
            "1.5",
            "16mib",
            "16m",
            "16 M B",
            "-1M",
            "1e3",
            "1,5M",
            "99999999999TiB",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn durations() {
        let check = |text: &str, expected_ms: Option<u64>| {
            assert_eq!(duration(text), expected_ms.map(Duration::from_millis), "{text}");
        };
        check("0s", Some(0));
        check("500ms", Some(500));
        check("10 s", Some(10_000));
        check("1.5m", Some(90_000));
        check("1m30s", Some(90_000));
        check("1h 30m", Some(5_400_000));
        check("1d12h0m1s5ms", Some(129_601_005));
        check("7d", Some(604_800_000));
        check("2w", Some(1_209_600_000));
        for wrong in [
            "",
            "10",
            "s",
            "10sec",
            "-1s",
            "1s1m",
            "1s1s",
            "1.2.3s",
            "1e3s",
            "infs",
            "1m30",
            "99999999999999999999s",
        ] {
            check(wrong, None);
        }
        assert_eq!(duration("1.5us"), Some(Duration::from_nanos(1500)));
    }

    #[test]
    fn truth_values() {
        let check = |text: &str, expected: Option<bool>| assert_eq!(truth(text), expected, "{text}");
        for yes in ["true", "True", "TRUE", "yes", "on", "1"] {
            check(yes, Some(true));
        }
        for no in ["false", "False", "no", "Off", "0"] {
            check(no, Some(false));
        }
        for wrong in ["", "2", "maybe", "y", " true"] {
            check(wrong, None);
        }
    }

    #[test]
    fn what_stands_around_a_secret_is_not_of_it() {
        let check = |text: &str, expected: &str| assert_eq!(secret(text), expected, "{text:?}");
        check("mnx_1", "mnx_1");
        check("mnx_1\n", "mnx_1");
        check("\u{feff}mnx_1\r\n", "mnx_1");
        check(" mnx_1 ", " mnx_1 ");
        check("\n", "");
        assert_eq!(mark_bytes(b"\xef\xbb\xbf1"), 3);
        assert_eq!(mark_bytes(b"\xef\xbb"), 0);
    }
}
