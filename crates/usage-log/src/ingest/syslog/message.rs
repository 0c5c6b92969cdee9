//! What NGINX puts around a line that it sends.

/// `Nov 14 22:13:20 ` is as long as any other time.
const TIME_BYTES: usize = 16;

/// The highest priority: facility 23, severity 7.
const PRIORITY_MAX: u8 = 191;

/// The line in a datagram of RFC 3164 as NGINX writes it: `<190>Nov 14 22:13:20 HOST TAG: LINE`, without the host if it is
/// told `nohostname`.
pub(super) fn line(datagram: &[u8]) -> Option<&[u8]> {
    let rest = datagram.strip_prefix(b"<")?;
    let (priority, rest) = split_at_byte(rest, b'>')?;
    let priority: u8 = std::str::from_utf8(priority).ok()?.parse().ok()?;
    let (time, rest) = rest.split_at_checked(TIME_BYTES)?;
    if priority > PRIORITY_MAX || !is_time(time) {
        return None;
    }
    let (word, rest) = split_at_byte(rest, b' ')?;
    let (tag, line) = if word.ends_with(b":") {
        (word, rest)
    } else {
        split_at_byte(rest, b' ')?
    };
    tag.ends_with(b":").then(|| line.trim_ascii_end())
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
            "<190>2023-11-14T22:13:20Z nginx: a",
            "<190>Nov 14 22:13:20 nginx a",
            "<190>Nov 14 22:13:20 edge nginx",
            "Nov 14 22:13:20 nginx: a",
        ] {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_or_refused(datagram in prop::collection::vec(any::<u8>(), 0..100)) {
            line(&datagram);
        }
    }
}
