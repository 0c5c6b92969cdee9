//! What servers write for bytes that do not fit into a line: NGINX, unless it is told `escape=json`, and Apache.

use std::borrow::Cow;

/// The line as JSON: `\xC3`, which JSON does not know, is the byte.
pub(super) fn as_json(line: &[u8]) -> Cow<'_, [u8]> {
    if !line.windows(2).any(|pair| matches!(pair, b"\\x" | b"\\v")) {
        return Cow::Borrowed(line);
    }
    let mut json = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((piece, after)) = next(rest) {
        match piece {
            Piece::Plain(byte) => json.push(byte),
            Piece::Escaped(b'v') => json.extend(b"\\u000b"),
            Piece::Escaped(byte) => json.extend([b'\\', byte]),
            Piece::Byte(byte @ (b'"' | b'\\')) => json.extend([b'\\', byte]),
            Piece::Byte(byte) if byte.is_ascii_control() => json.extend(format!("\\u{byte:04x}").bytes()),
            Piece::Byte(byte) => json.push(byte),
        }
        rest = after;
    }
    Cow::Owned(json)
}

/// The text that was written so. What is no UTF-8 is replaced.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((piece, after)) = next(rest) {
        match piece {
            Piece::Plain(byte) | Piece::Byte(byte) | Piece::Escaped(byte @ (b'"' | b'\\')) => bytes.push(byte),
            Piece::Escaped(byte) => bytes.extend([b'\\', byte]),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What stands before the next quote that is not escaped, and what behind.
pub(super) fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut rest = text.as_bytes();
    while let Some((piece, after)) = next(rest) {
        if let Piece::Plain(b'"') = piece {
            let at = text.len() - rest.len();
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        rest = after;
    }
    None
}

enum Piece {
    Plain(u8),
    /// Behind a backslash.
    Escaped(u8),
    /// By its number.
    Byte(u8),
}

fn next(text: &[u8]) -> Option<(Piece, &[u8])> {
    let by_number = |high: u8, low: u8| Some((hexadecimal(high)? << 4) | hexadecimal(low)?);
    match text {
        [b'\\', b'x', high, low, rest @ ..] if by_number(*high, *low).is_some() => {
            Some((Piece::Byte(by_number(*high, *low)?), rest))
        }
        [b'\\', escaped, rest @ ..] => Some((Piece::Escaped(*escaped), rest)),
        [plain, rest @ ..] => Some((Piece::Plain(*plain), rest)),
        [] => None,
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_by_their_numbers_are_bytes() {
        let check = |line: &str, json: &str, text: &str| {
            assert_eq!(String::from_utf8_lossy(&as_json(line.as_bytes())), json, "{line}");
            assert_eq!(decoded(line), text, "{line}");
        };
        check("\\xC3\\xA9", "é", "é");
        check("a\\x22b", "a\\\"b", "a\"b");
        check("a\\x5Cb", "a\\\\b", "a\\b");
        check("\\x0A", "\\u000a", "\n");
        // A backslash of its own, then an x.
        check("\\\\x41", "\\\\x41", "\\x41");
        check("\\x4", "\\x4", "\\x4");
        check("\\", "\\", "\\");
        check("é", "é", "é");
        check("\\xFF", "\u{fffd}", "\u{fffd}");
    }

    #[test]
    fn a_quote_ends_where_it_is_not_escaped() {
        let check = |text: &str, expected: Option<(&str, &str)>| assert_eq!(quoted(text), expected, "{text}");
        check("a\" b", Some(("a", " b")));
        check("a\\\"é\" b", Some(("a\\\"é", " b")));
        check("a\\\\\" b", Some(("a\\\\", " b")));
        check("a\\\"", None);
        check("", None);
    }
}
