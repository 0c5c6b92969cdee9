//! What JSON values mean here.

use nexus_calendar::Time;
use serde_json::{Number, Value};

use crate::amounts::Amounts;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const NANOS_PER_MILLISECOND: i128 = 1_000_000;

/// Unix times from here on are milliseconds: as seconds it is the year 5138, as milliseconds 1973.
const MILLISECONDS_FROM: i128 = 100_000_000_000 * NANOS_PER_SECOND;

/// As `14/Nov/2023:22:13:20 +0000`.
const LOCAL_TIME: &str = "%d/%b/%Y:%H:%M:%S %z";

/// Up to here each whole number is a double of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

/// A text, also of what is a number or a truth value; empty for null.
pub(super) fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(whole(&number).map_or_else(|| number.to_string(), |whole| whole.to_string())),
        Value::Bool(is) => Some(is.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number that the sinks can hold, or its digits.
pub(super) fn amount(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => whole(number),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Value::String(text) if !text.contains(char::is_whitespace) => whole(&serde_json::from_str(text).ok()?),
        _ => None,
    };
    number.filter(|number| *number <= Amounts::MAX)
}

/// `100`, also as `100.0` or `1e2`, as programs write it that know no whole numbers.
fn whole(number: &Number) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, not negative, and small enough"
    )]
    let of_float = |float: f64| (float.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&float)).then_some(float as u64);
    number.as_u64().or_else(|| of_float(number.as_f64()?))
}

/// A duration in seconds, in nanoseconds.
pub(super) fn duration_ns(value: &Value) -> Option<u64> {
    let nanos = match value {
        Value::Number(number) => seconds(&number.to_string()),
        Value::String(text) => seconds(text),
        _ => None,
    };
    u64::try_from(nanos?).ok().filter(|nanos| *nanos <= Amounts::MAX)
}

/// An instant: RFC 3339, Unix seconds or milliseconds, or as access logs have it.
pub(super) fn time(value: &Value) -> Option<Time> {
    match value {
        Value::Number(number) => unix(&number.to_string()),
        Value::String(text) => unix(text).or_else(|| rfc3339(text)).or_else(|| local(text)),
        _ => None,
    }
}

fn unix(text: &str) -> Option<Time> {
    let nanos = seconds(text)?;
    let nanos = if nanos < MILLISECONDS_FROM {
        nanos
    } else {
        nanos / 1_000
    };
    i64::try_from(nanos).ok().map(Time::from_nanos)
}

fn rfc3339(text: &str) -> Option<Time> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(timestamp.as_nanosecond()).ok().map(Time::from_nanos)
}

/// As in NGINX's `$time_local` and Apache's `%t`.
pub(super) fn local(text: &str) -> Option<Time> {
    let time = jiff::fmt::strtime::parse(LOCAL_TIME, text).ok()?.to_timestamp().ok()?;
    Some(Time::from_seconds(time.as_second()))
}

/// `123` or `123.456` as nanoseconds, exactly: a float holds only micro-seconds of today. What is below is cut off.
fn seconds(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return tiny(text);
    }
    let whole: i128 = whole.parse().ok()?;
    let nanos: i128 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    whole.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)
}

/// JSON writes what is below a hundred thousandth with an exponent.
fn tiny(text: &str) -> Option<i128> {
    let seconds: f64 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "it is between 0 and 1000000")]
    (0.0..0.001)
        .contains(&seconds)
        .then_some((seconds * 1e9).round() as i128)
        .filter(|nanos| *nanos < NANOS_PER_MILLISECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read_to_the_last_digit() {
        let check = |value: Value, expected: Option<i64>| {
            assert_eq!(time(&value).map(Time::nanos), expected, "{value}");
        };
        check(json!(1_700_000_000), Some(1_700_000_000_000_000_000));
        check(json!(1_700_000_000.123), Some(1_700_000_000_123_000_000));
        check(json!("1700000000.123"), Some(1_700_000_000_123_000_000));
        check(json!("1700000000.123456789"), Some(1_700_000_000_123_456_789));
        check(json!(1_700_000_000_123_u64), Some(1_700_000_000_123_000_000));
        check(json!(1_700_000_000_123.5), Some(1_700_000_000_123_500_000));
        check(json!("2023-11-14T22:13:20.123Z"), Some(1_700_000_000_123_000_000));
        check(json!("2023-11-14T23:13:20+01:00"), Some(1_700_000_000_000_000_000));
        check(json!(0), Some(0));
        for bad in [
            json!(-1),
            json!(1e300),
            json!("yesterday"),
            json!(""),
            json!("."),
            json!("1."),
            json!(true),
        ] {
            check(bad, None);
        }
        check(json!("9999-01-01T00:00:00Z"), None);
        check(json!("2023-11-14T22:13:20"), None);
        check(json!("14/Nov/2023:23:13:20 +0100"), Some(1_700_000_000_000_000_000));
        check(json!("14/Nov/2023:23:13:20"), None);
    }

    #[test]
    fn amounts_are_whole_and_fit() {
        let check = |value: Value, expected: Option<u64>| assert_eq!(amount(&value), expected, "{value}");
        check(json!(7), Some(7));
        check(json!("007"), Some(7));
        check(json!(i64::MAX), Some(Amounts::MAX));
        check(json!(i64::MAX.to_string()), Some(Amounts::MAX));
        check(json!(100.0), Some(100));
        check(json!("100.0"), Some(100));
        check(json!(1e3), Some(1_000));
        check(json!("1e3"), Some(1_000));
        check(json!(-0.0), Some(0));
        check(json!(EXACT_MAX), Some(9_007_199_254_740_991));
        for bad in [
            json!(u64::MAX),
            json!(-1),
            json!(1.5),
            json!("1.5"),
            json!(-100.0),
            json!(1e16),
            json!(1e300),
            json!("NaN"),
            json!("true"),
            json!(""),
            json!("+1"),
            json!("1 "),
            json!(null),
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_whole_number_is_one_text() {
        for (value, expected) in [
            (json!(7), "7"),
            (json!(7.0), "7"),
            (json!(-7), "-7"),
            (json!(0.5), "0.5"),
        ] {
            assert_eq!(text(value).as_deref(), Some(expected));
        }
    }

    #[test]
    fn durations_are_seconds() {
        let check = |value: Value, expected: Option<u64>| assert_eq!(duration_ns(&value), expected, "{value}");
        check(json!("0.012"), Some(12_000_000));
        check(json!(3), Some(3_000_000_000));
        check(json!(1e-7), Some(100));
        check(json!(-0.1), None);
        check(json!(1e30), None);
        check(json!("NaN"), None);
    }
}
