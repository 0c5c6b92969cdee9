//! What NGINX puts around a line that it sends, and what a relay makes of that.

use crate::ingest::BYTE_ORDER_MARK;

/// `Nov 14 22:13:20 ` is as long as any other time.
const TIME_BYTES: usize = 16;

/// The highest priority: facility 23, severity 7.
const PRIORITY_MAX: u8 = 191;

/// What some write in front of JSON: <https://cee.mitre.org>.
const COOKIE: &[u8] = b"@cee:";

/// The line in a datagram: of RFC 3164 as NGINX writes it, `<190>Nov 14 22:13:20 HOST TAG: LINE`, without the host if it is told
/// `nohostname`; the same with a time of RFC 3339, as relays write it; or of RFC 5424.
pub(super) fn line(datagram: &[u8]) -> Option<&[u8]> {
    let rest = datagram.strip_prefix(b"<")?;
    let (priority, rest) = split_at_byte(rest, b'>')?;
    let priority: u8 = std::str::from_utf8(priority).ok()?.parse().ok()?;
    if priority > PRIORITY_MAX {
        return None;
    }
    let line = match split_at_byte(rest, b' ')? {
        (b"1", rest) => behind_header(rest),
        (time, rest) if is_rfc3339(time) => behind_tag(rest),
        _ => {
            let (time, rest) = rest.split_at_checked(TIME_BYTES)?;
            behind_tag(rest).filter(|_| is_time(time))
        }
    };
    let line = line?.trim_ascii_end();
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii();
    Some(line.strip_prefix(COOKIE).map_or(line, <[u8]>::trim_ascii_start))
}

/// Behind `HOST TAG: `, or `TAG: `.
fn behind_tag(rest: &[u8]) -> Option<&[u8]> {
    let (word, rest) = split_at_byte(rest, b' ')?;
    let (tag, line) = if word.ends_with(b":") {
        (word, rest)
    } else {
        split_at_byte(rest, b' ')?
    };
    tag.ends_with(b":").then_some(line)
}

/// Behind `TIME HOST PROGRAM PROCESS MESSAGE-ID STRUCTURED-DATA`, each of which may be `-`.
fn behind_header(mut rest: &[u8]) -> Option<&[u8]> {
    for is_time in [true, false, false, false, false] {
        let (word, behind) = split_at_byte(rest, b' ')?;
        if word.is_empty() || is_time && word != b"-" && !is_rfc3339(word) {
            return None;
        }
        rest = behind;
    }
    match rest.strip_prefix(b"-") {
        Some(behind) => rest = behind,
        None if rest.starts_with(b"[") => {
            while let Some(element) = rest.strip_prefix(b"[") {
                rest = behind_element(element)?;
            }
        }
        None => return None,
    }
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix(b" ")
    }
}

/// Behind the bracket that ends an element of structured data: brackets may stand in its values, quotes if they are escaped.
fn behind_element(element: &[u8]) -> Option<&[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = element.iter().position(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            b']' => return !is_quoted,
            _ => {}
        }
        false
    })?;
    element.get(end + 1..)
}

fn is_rfc3339(time: &[u8]) -> bool {
    let text = std::str::from_utf8(time).ok();
    text.is_some_and(|text| text.contains('T') && text.parse::<jiff::Timestamp>().is_ok())
}

fn is_time(time: &[u8]) -> bool {
    let shape = b"Mmm dd hh:mm:ss ";
    time.iter().zip(shape).all(|(byte, shape)| match shape {
        b'M' => byte.is_ascii_uppercase(),
        b'm' if byte.is_ascii_lowercase() => true,
        b'd' => byte.is_ascii_digit() || *byte == b' ',
        b'h' | b'm' | b's' => byte.is_ascii_digit(),
        _ => byte == shape,
    })
}

fn split_at_byte(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == at)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_nginx_sends_is_read() {
        let check = |datagram: &str, expected: Option<&str>| {
            assert_eq!(line(datagram.as_bytes()), expected.map(str::as_bytes), "{datagram}");
        };
        check("<190>Nov 14 22:13:20 edge nginx: {\"id\": 1}\n", Some("{\"id\": 1}"));
        check("<190>Nov  4 22:13:20 nginx: a b: c", Some("a b: c"));
        check("<13>Nov  4 22:13:20 fe80::1 nginx[7]: a", Some("a"));
        check("<190>Nov 14 22:13:20 nginx: ", Some(""));
        for bad in [
            "",
            "a",
            "<190>",
            "<192>Nov 14 22:13:20 nginx: a",
            "<-1>Nov 14 22:13:20 nginx: a",
            "<190>2023-11-14T22:13:20 nginx: a",
            "<190>2 2023-11-14T22:13:20Z edge nginx - - - a",
            "<190>Nov 14 22:13:20 nginx a",
            "<190>Nov 14 22:13:20 edge nginx",
            "Nov 14 22:13:20 nginx: a",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn what_relays_make_of_it_is_read() {
        let check = |datagram: &str, expected: Option<&str>| {
            assert_eq!(line(datagram.as_bytes()), expected.map(str::as_bytes), "{datagram}");
        };
        let header = "<190>1 2026-11-30T17:00:00Z host nginx";
        for (behind, expected) in [
            ("- - - {\"id\": 1}\n", Some("{\"id\": 1}")),
            ("7 ID47 - \u{feff}{}", Some("{}")),
            ("- - -  {}", Some("{}")),
            ("- - [a@1 b=\"c\"] {}", Some("{}")),
            ("- - [a@1 b=\"]\\\"]\"][d@1] {}", Some("{}")),
            ("- - - @cee: {}", Some("{}")),
            ("- - -", Some("")),
            ("- - [a", None),
            ("- - [a]x {}", None),
            ("- - {}", None),
            ("-", None),
        ] {
            check(&format!("{header} {behind}"), expected);
        }
        check("<190>1 - - - - - - {}", Some("{}"));
        check(
            "<190>1 2026-11-30T17:00:00.123456+01:00 host nginx - - - {}",
            Some("{}"),
        );
        check("<190>1 yesterday host nginx - - - {}", None);
        check("<190>2026-11-30T17:00:00.1+00:00 host nginx[7]: {}", Some("{}"));
        check("<190>2026-11-30T17:00:00Z nginx: a", Some("a"));
        check("<190>Nov 14 22:13:20 host nginx: {}\0", Some("{}"));
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_or_refused(datagram in prop::collection::vec(any::<u8>(), 0..100)) {
            line(&datagram);
        }
    }
}
