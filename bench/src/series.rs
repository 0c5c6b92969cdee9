//! What is measured with: one counter with as many series as asked for, three labels each.

use std::fmt::Write as _;

/// The counter that all series belong to.
pub const FAMILY: &str = "bench_requests_total";

/// The labels of the series of this number: 100 000 hosts in ten zones, with a hundred jobs, for a million series.
#[must_use]
pub fn labels(number: u64) -> [(&'static str, String); 3] {
    let host = number / 10;
    [
        ("host", format!("h{host:06}")),
        ("job", format!("j{:02}", host % 100)),
        ("zone", format!("z{}", number % 10)),
    ]
}

/// Where a series is incremented: path and query.
#[must_use]
pub fn increment(number: u64) -> String {
    let [host, job, zone] = labels(number).map(|(name, value)| format!("{name}={value}"));
    format!("/{FAMILY}/inc?{host}&{job}&{zone}")
}

/// A body for `POST /api/v1/batch` that adds one to each of these series and makes those that are missing.
#[must_use]
pub fn batch(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut body = String::new();
    for number in numbers {
        let [host, job, zone] = labels(number).map(|(name, value)| format!("\"{name}\":\"{value}\""));
        // Writing to a String cannot fail.
        let _ = writeln!(
            body,
            "{{\"op\":\"add\",\"metric\":\"{FAMILY}\",\"type\":\"counter\",\"labels\":{{{host},{job},{zone}}},\"value\":1}}"
        );
    }
    body.into_bytes()
}

/// The same series in the text format, each with this value.
#[must_use]
pub fn text(numbers: impl Iterator<Item = u64>, value: u64) -> Vec<u8> {
    let mut body = format!("# TYPE {FAMILY} counter\n");
    for number in numbers {
        let [host, job, zone] = labels(number).map(|(name, value)| format!("{name}=\"{value}\""));
        let _ = writeln!(body, "{FAMILY}{{{host},{job},{zone}}} {value}");
    }
    body.into_bytes()
}

/// The bytes of the label text that a hub keeps of so many series.
#[must_use]
pub fn label_bytes(series: u64) -> u64 {
    let [host, job, zone] = labels(0).map(|(name, value)| format!("{name}=\"{value}\""));
    series * (host.len() + job.len() + zone.len() + 2) as u64
}

/// The sum of the counter over all series, and how many there are, as a text exposition says.
#[must_use]
pub fn sum(exposition: &[u8]) -> (u64, u64) {
    let mut found = (0, 0);
    for line in exposition.split(|byte| *byte == b'\n') {
        if line.starts_with(FAMILY.as_bytes())
            && let Some(value) = line.rsplit(|byte| *byte == b' ').next()
            && let Some(value) = std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse::<u64>().ok())
        {
            found = (found.0 + value, found.1 + 1);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_told_apart_and_their_sum_is_read_back() {
        let text = text(0..1000, 3);
        assert_eq!(sum(&text), (3000, 1000));
        let lines: std::collections::HashSet<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), 1002);
    }

    #[test]
    fn the_label_text_is_as_long_as_said() {
        let line = text(0..1, 1);
        let line = String::from_utf8(line).unwrap();
        let labels = line.split(['{', '}']).nth(1).unwrap();
        assert_eq!(labels.len() as u64, label_bytes(1));
    }
}
