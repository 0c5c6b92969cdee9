//! What single settings look like: whole numbers, sizes, durations, texts.

use super::section::{describe, quote};
use nexus_metric::spelling;
use std::{fmt::Display, ops::RangeInclusive, path::PathBuf, time::Duration};
use yaml_serde::Value;

pub(super) fn string(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("expected a text, got {}", describe(value)))
}

pub(super) fn bool(value: &Value) -> Result<bool, String> {
    let truth = match value {
        Value::String(text) => spelling::truth(text),
        Value::Number(number) => spelling::truth(&number.to_string()),
        other => other.as_bool(),
    };
    truth.ok_or_else(|| format!("expected true or false, got {}", describe(value)))
}

/// A path; nothing for the empty text, by which metric-nexus means *none*.
pub(super) fn path(value: &Value) -> Result<Option<PathBuf>, String> {
    let text = string(value)?;
    Ok((!text.is_empty()).then(|| PathBuf::from(text)))
}

/// Something that is written as a text and has a parser of its own.
pub(super) fn parsed<T>(value: &Value) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: Display,
{
    string(value)?.parse().map_err(|error: T::Err| error.to_string())
}

/// A whole number: `2000000`, `2_000_000`.
pub(super) fn count<T: Whole>(value: &Value, range: &RangeInclusive<T>) -> Result<T, String> {
    let number = match value {
        Value::String(text) => spelling::whole(text),
        number => whole(number),
    };
    let number = number.ok_or_else(|| format!("expected a whole number, got {}", describe(value)))?;
    within(number, range).ok_or_else(|| format!("expected {} to {}, got {number}", range.start(), range.end()))
}

/// A number, if it is whole.
fn whole(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().and_then(spelling::whole_double))
}

/// A number of bytes: `65536`, `"64KiB"`, `"16 MiB"`, `10M`; `kB`, `MB` and `GB` count in thousands.
pub(super) fn size<T: Whole>(value: &Value, range: &RangeInclusive<T>) -> Result<T, String> {
    let bytes = match value {
        Value::String(text) => spelling::size(text),
        number => whole(number),
    };
    let bytes = bytes.ok_or_else(|| format!("expected a size such as 65536 or 16MiB, got {}", describe(value)))?;
    within(bytes, range).ok_or_else(|| {
        let (low, high) = (show_size(*range.start()), show_size(*range.end()));
        format!("expected {low} to {high}, got {}", describe(value))
    })
}

/// What counts and sizes are kept as.
pub(super) trait Whole: TryFrom<u64> + TryInto<u64> + PartialOrd + Copy + Display {}

impl Whole for i8 {}
impl Whole for u32 {}
impl Whole for u64 {}
impl Whole for usize {}

fn within<T: Whole>(number: u64, range: &RangeInclusive<T>) -> Option<T> {
    T::try_from(number).ok().filter(|number| range.contains(number))
}

/// A stretch of time: `"500ms"`, `"10s"`, `"1m30s"`, `"1h"`, `"7d"`. A bare number says no unit and is refused.
pub(super) fn duration(value: &Value, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let expected = || format!("expected a duration such as 500ms, 10s or 1m, got {}", describe(value));
    let duration = value.as_str().and_then(spelling::duration).ok_or_else(expected)?;
    if range.contains(&duration) {
        return Ok(duration);
    }
    let (low, high) = (range.start(), range.end());
    Err(format!("expected {low:?} to {high:?}, got {}", describe(value)))
}

/// A part of a whole: above 0, at most 1.
pub(super) fn ratio(value: &Value) -> Result<f64, String> {
    value
        .as_f64()
        .filter(|ratio| *ratio > 0.0 && *ratio <= 1.0)
        .ok_or_else(|| format!("expected a number above 0 and at most 1, got {}", describe(value)))
}

/// One of a few words.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            format!("expected {}, got {}", words.join(" or "), quote(text))
        })
}

fn show_size<T: Whole>(bytes: T) -> String {
    let bytes = bytes.try_into().unwrap_or(u64::MAX);
    for (unit, name) in [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if (unit..=unit << 10).contains(&bytes) && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Value {
        yaml_serde::from_str(text).unwrap()
    }

    #[test]
    fn counts() {
        fn check(text: &str, expected: Result<usize, &str>) {
            let read = count(&yaml(text), &(1..=2_000_000));
            assert_eq!(read, expected.map_err(str::to_owned), "{text}");
        }
        check("1", Ok(1));
        check("2000000", Ok(2_000_000));
        check("2_000_000", Ok(2_000_000));
        check("0", Err("expected 1 to 2000000, got 0"));
        check("2_000_001", Err("expected 1 to 2000000, got 2000001"));
        check("-1", Err("expected a whole number, got -1"));
        check("1.0", Ok(1));
        check("1.5", Err("expected a whole number, got 1.5"));
        check("_", Err("expected a whole number, got \"_\""));
        check("[]", Err("expected a whole number, got a list"));
    }

    #[test]
    fn sizes() {
        fn check(text: &str, expected: Result<usize, &str>) {
            let read = size(&yaml(text), &(1..=4 << 30));
            assert_eq!(read, expected.map_err(str::to_owned), "{text}");
        }
        check("65536", Ok(65_536));
        check("'65536'", Ok(65_536));
        check("12B", Ok(12));
        check("16MiB", Ok(16 << 20));
        check("16 MiB", Ok(16 << 20));
        check("64KiB", Ok(64 << 10));
        check("1GiB", Ok(1 << 30));
        check("5MB", Ok(5_000_000));
        check("5kB", Ok(5_000));
        check("1GB", Ok(1_000_000_000));
        check("10M", Ok(10_000_000));
        check("1.5MiB", Ok(3 << 19));
        check("65536.0", Ok(65_536));
        check("0", Err("expected 1 to 4GiB, got 0"));
        check("5GiB", Err("expected 1 to 4GiB, got \"5GiB\""));
        for wrong in ["MiB", "16mib", "16 M B", "-1", "'1e3'", "[]", "99999999999999999999GiB"] {
            let value = yaml(wrong);
            let expected = format!("expected a size such as 65536 or 16MiB, got {}", describe(&value));
            check(wrong, Err(&expected));
        }
    }

    #[test]
    fn durations() {
        fn check(text: &str, expected: Result<Duration, &str>) {
            let range = Duration::from_millis(1)..=Duration::from_secs(3600);
            let read = duration(&yaml(text), &range);
            assert_eq!(read, expected.map_err(str::to_owned), "{text}");
        }
        check("500ms", Ok(Duration::from_millis(500)));
        check("10s", Ok(Duration::from_secs(10)));
        check("10 s", Ok(Duration::from_secs(10)));
        check("1.5m", Ok(Duration::from_secs(90)));
        check("1m30s", Ok(Duration::from_secs(90)));
        check("1h", Ok(Duration::from_secs(3600)));
        check("0s", Err("expected 1ms to 3600s, got \"0s\""));
        check("1d", Err("expected 1ms to 3600s, got \"1d\""));
        for wrong in ["10", "s", "10sec", "-1s", "1.2.3s", "1e3s", "true", "infs", "''"] {
            let value = yaml(wrong);
            let expected = format!("expected a duration such as 500ms, 10s or 1m, got {}", describe(&value));
            check(wrong, Err(&expected));
        }
    }

    #[test]
    fn truth_values() {
        fn check(text: &str, expected: Result<bool, &str>) {
            assert_eq!(bool(&yaml(text)), expected.map_err(str::to_owned), "{text}");
        }
        check("true", Ok(true));
        check("yes", Ok(true));
        check("'On'", Ok(true));
        check("1", Ok(true));
        check("off", Ok(false));
        check("0", Ok(false));
        check("2", Err("expected true or false, got 2"));
        check("maybe", Err("expected true or false, got \"maybe\""));
    }

    #[test]
    fn ratios() {
        fn check(text: &str, expected: Result<f64, &str>) {
            assert_eq!(ratio(&yaml(text)), expected.map_err(str::to_owned), "{text}");
        }
        check("0.1", Ok(0.1));
        check("1", Ok(1.0));
        check("0", Err("expected a number above 0 and at most 1, got 0"));
        check("1.01", Err("expected a number above 0 and at most 1, got 1.01"));
        check(".nan", Err("expected a number above 0 and at most 1, got .nan"));
    }
}
