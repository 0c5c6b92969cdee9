//! Numbers as the formats spell them.

/// Appends the shortest decimal that reads back as exactly `value`.
///
/// Plain notation for decimal exponents from -4 to 20 (`1234567`, `0.0001`), otherwise as Go writes it (`1e+21`,
/// `1.5e-07`); `NaN`, `+Inf`, `-Inf`; integers without a fraction.
pub fn write(out: &mut Vec<u8>, value: f64) {
    if let Some(integer) = as_integer(value) {
        out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    } else if value.is_finite() {
        write_finite(out, value);
    } else {
        out.extend_from_slice(match value {
            f64::INFINITY => b"+Inf",
            f64::NEG_INFINITY => b"-Inf",
            _ => b"NaN",
        });
    }
}

/// Appends a count.
pub fn write_count(out: &mut Vec<u8>, count: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
}

/// Appends the value of an `le` or `quantile` label: always with a fraction or an exponent (`1.0`, `0.5`, `+Inf`), so
/// that a series has the same labels in both formats.
pub fn write_bound(out: &mut Vec<u8>, bound: f64) {
    let start = out.len();
    write(out, bound);
    let fractional = out.iter().skip(start).any(|byte| matches!(byte, b'.' | b'e'));
    if bound.is_finite() && !fractional {
        out.extend_from_slice(b".0");
    }
}

/// Reads a number: decimal notation with an optional sign, fraction and exponent, or `Inf`, `Infinity`, `NaN` in any
/// case.
///
/// Nothing else: no blanks, underscores or hexadecimal, no sign before `NaN`, and no digits so large that they would
/// become infinite.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let spelled = unsigned.starts_with(|c: char| c.is_ascii_alphabetic());
    match value {
        value if value.is_nan() => (unsigned.len() == text.len()).then_some(value),
        value => (value.is_finite() || spelled).then_some(value),
    }
}

/// Reads a count: a number that is whole, not negative and fits.
#[must_use]
pub fn parse_count(text: &str) -> Option<u64> {
    const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;
    // Most counts are digits only, and those above 2^53 are exact in no other way.
    if let Ok(count) = text.parse() {
        return Some(count);
    }
    let value = parse(text)?;
    let whole = value.trunc() == value && (0.0..TWO_TO_64).contains(&value);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range"
    )]
    whole.then_some(value as u64)
}

/// The value as an integer if it is one of at most 15 digits; -0 is not.
fn as_integer(value: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it saturates, and then the comparison below fails"
    )]
    let integer = value as i64;
    let exact = value.abs() < 1e15 && integer as f64 == value;
    (exact && (integer != 0 || value.is_sign_positive())).then_some(integer)
}

fn write_finite(out: &mut Vec<u8>, value: f64) {
    if value == 0.0 {
        return out.extend_from_slice(b"-0");
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    // Here zmij's notation is plain, and it has a fraction because integers were written already.
    if (1e-4..1e15).contains(&value.abs()) {
        return out.extend_from_slice(text.as_bytes());
    }
    lay_out(out, text);
}

/// Appends the digits of `text` in the notation that their exponent asks for.
fn lay_out(out: &mut Vec<u8>, text: &str) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    let leading = all().take_while(|digit| *digit == b'0').count();
    let significant = all()
        .enumerate()
        .filter(|(_, digit)| *digit != b'0')
        .last()
        .map_or(1, |(at, _)| at + 1);
    let digits = || all().take(significant).skip(leading);
    let shift = i32::try_from(whole.len()).unwrap_or(0) - 1 - i32::try_from(leading).unwrap_or(0);
    let exponent = exponent.parse::<i32>().unwrap_or(0) + shift;
    if unsigned.len() < mantissa.len() {
        out.push(b'-');
    }
    let plain = usize::try_from(exponent).ok().filter(|exponent| *exponent <= 20);
    let whole_digits = plain.map_or(1, |exponent| exponent + 1);
    out.extend(digits().chain(std::iter::repeat(b'0')).take(whole_digits));
    if digits().count() > whole_digits {
        out.push(b'.');
        out.extend(digits().skip(whole_digits));
    }
    if plain.is_none() {
        write_exponent(out, exponent);
    }
}

/// Appends an exponent of at least two digits.
fn write_exponent(out: &mut Vec<u8>, exponent: i32) {
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    let size = exponent.unsigned_abs();
    if size < 10 {
        out.push(b'0');
    }
    out.extend_from_slice(itoa::Buffer::new().format(size).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f64) -> String {
        let mut out = Vec::new();
        write(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[track_caller]
    fn check(value: f64, expected: &str) {
        assert_eq!(written(value), expected);
    }

    #[test]
    fn numbers_are_short_and_plain() {
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(-17.0, "-17");
        check(1_234_567.0, "1234567");
        check(0.1, "0.1");
        check(-2.5, "-2.5");
        check(0.0001, "0.0001");
        check(0.00012345, "0.00012345");
        check(0.00001, "1e-05");
        check(0.000099, "9.9e-05");
        check(1.5e-7, "1.5e-07");
        check(-1.5e-7, "-1.5e-07");
        check(5e-324, "5e-324");
        check(999_999_999_999_999.0, "999999999999999");
        check(1e15, "1000000000000000");
        check(1_234_567_890_123_456.5, "1234567890123456.5");
        check(-1.25e19, "-12500000000000000000");
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(1.5e100, "1.5e+100");
        check(f64::MAX, "1.7976931348623157e+308");
        check(9_007_199_254_740_993.0, "9007199254740992");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
    }

    #[test]
    fn bounds_have_a_fraction_or_an_exponent() {
        let check = |bound: f64, expected: &str| {
            let mut out = b"le=1.5;".to_vec();
            write_bound(&mut out, bound);
            assert_eq!(out, format!("le=1.5;{expected}").into_bytes());
        };
        check(1.0, "1.0");
        check(0.0, "0.0");
        check(0.5, "0.5");
        check(-1000.0, "-1000.0");
        check(1e21, "1e+21");
        check(1e20, "100000000000000000000.0");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
    }

    #[test]
    fn numbers_are_read_as_prometheus_reads_them() {
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(parse(text).map(f64::to_bits), expected.map(f64::to_bits), "{text}");
        };
        check("1", Some(1.0));
        check("+1.5E3", Some(1500.0));
        check("-0", Some(-0.0));
        check(".5", Some(0.5));
        check("5.", Some(5.0));
        check("+Inf", Some(f64::INFINITY));
        check("-iNf", Some(f64::NEG_INFINITY));
        check("infinity", Some(f64::INFINITY));
        check("NaN", Some(f64::NAN));
        check("nan", Some(f64::NAN));
        check("1e-999", Some(0.0));
        for refused in [
            "", ".", "+", "e5", "1e", "1e999", "-1e999", "1_000", "0x1p3", "+nan", " 1", "1 ", "in", "1,5",
        ] {
            check(refused, None);
        }
    }

    #[test]
    fn counts_are_whole() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(parse_count(text), expected, "{text}");
        check("0", Some(0));
        check("17.0", Some(17));
        check("1e3", Some(1000));
        check("-0", Some(0));
        check("18446744073709551615", Some(u64::MAX));
        for refused in ["-1", "1.5", "NaN", "+Inf", "18446744073709551616", "1e30", "x"] {
            check(refused, None);
        }
    }

    proptest! {
        #[test]
        fn every_number_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let back = parse(&written(value)).unwrap();
            prop_assert!(back.to_bits() == bits || (back.is_nan() && value.is_nan()));
        }

        #[test]
        fn every_decimal_reads_back(digits in -1_000_000_000_i64..1_000_000_000, exponent in -30..30) {
            let value: f64 = format!("{digits}e{exponent}").parse().unwrap();
            prop_assert_eq!(parse(&written(value)), Some(value));
        }
    }
}
