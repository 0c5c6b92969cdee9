//! Base64 as Basic authentication needs it (RFC 4648, §4): decoding, of a few bytes.

/// Decodes; nothing if it is not base64. Padding may be left out, as some clients do.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .strip_suffix("==")
        .or_else(|| text.strip_suffix('='))
        .unwrap_or(text);
    let padded = digits.len() != text.len();
    if digits.len() % 4 == 1 || (padded && !text.len().is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0_u16, 0);
    for digit in digits.bytes() {
        bits = (bits & 0xff) << 6 | u16::from(value(digit)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc() {
        fn check(text: &str, expected: &str) {
            assert_eq!(decode(text).as_deref(), Some(expected.as_bytes()), "{text}");
            let bare = text.trim_end_matches('=');
            assert_eq!(decode(bare).as_deref(), Some(expected.as_bytes()), "{bare}");
        }
        check("", "");
        check("Zg==", "f");
        check("Zm8=", "fo");
        check("Zm9v", "foo");
        check("Zm9vYg==", "foob");
        check("Zm9vYmE=", "fooba");
        check("Zm9vYmFy", "foobar");
    }

    #[test]
    fn all_digits() {
        let all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let bytes = decode(all).unwrap();
        assert_eq!(bytes.len(), 48);
        assert_eq!(bytes[..3], [0x00, 0x10, 0x83]);
        assert_eq!(bytes[45..], [0xf3, 0xdf, 0xbf]);
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["Z", "Z===", "Zg=", "Zm9v=", "Zm9vYg==Zg==", "=", "Zm-_", "Zm 9v", "ä"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
