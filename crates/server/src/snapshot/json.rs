//! JSON that is YAML too, and the other way round.

/// Writes a text in double quotes so that JSON and YAML read the same from it: raw UTF-8, but for what YAML does not allow
/// or would fold.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Writes a value: a JSON number that YAML 1.1 reads as a float too (`1.0e+21`), or one of the texts "NaN", "+Inf", "-Inf".
pub(super) fn put_value(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return out.extend_from_slice(b"\"NaN\"");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"\"+Inf\"" } else { b"\"-Inf\"" });
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    match text.split_once('e') {
        None => out.extend_from_slice(text.as_bytes()),
        Some((mantissa, exponent)) => {
            out.extend_from_slice(mantissa.as_bytes());
            if !mantissa.contains('.') {
                out.extend_from_slice(b".0");
            }
            out.push(b'e');
            if !exponent.starts_with(['-', '+']) {
                out.push(b'+');
            }
            out.extend_from_slice(exponent.as_bytes());
        }
    }
}

/// Writes bytes as lower-case hexadecimal digits, without quotes.
pub(super) fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend([byte >> 4, byte & 15].map(|digit| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
    }
}

/// Reads what [`put_hex`] writes.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

pub(super) fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::Number;

    fn value(value: f64) -> String {
        let mut out = Vec::new();
        put_value(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_floats_for_json_and_yaml() {
        for (input, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (5.0, "5.0"),
            (0.1, "0.1"),
            (1e21, "1.0e+21"),
            (1.5e-7, "1.5e-7"),
            (5e-324, "5.0e-324"),
            (f64::NAN, "\"NaN\""),
            (f64::INFINITY, "\"+Inf\""),
            (f64::NEG_INFINITY, "\"-Inf\""),
        ] {
            assert_eq!(value(input), expected);
        }
    }

    proptest! {
        #[test]
        fn json_and_yaml_read_a_value_back_exactly(bits in any::<u64>()) {
            let input = f64::from_bits(bits);
            let text = value(input);
            let same = |read: f64| read.to_bits() == input.to_bits() || (read.is_nan() && input.is_nan());
            prop_assert!(same(serde_json::from_str::<Number>(&text).unwrap().0));
            prop_assert!(same(yaml_serde::from_str::<Number>(&text).unwrap().0));
        }

        #[test]
        fn json_and_yaml_read_a_text_back_exactly(text in "\\PC{0,20}|[\\x00-\\x1f\\x7f-\\u{a0}\\u{2028}\\u{feff}\\u{ffff}\"\\\\:#{}\\[\\],&*!|>'%@`é💥-]{0,20}") {
            let mut out = Vec::new();
            put_text(&mut out, &text);
            let line = String::from_utf8(out).unwrap();
            prop_assert_eq!(&serde_json::from_str::<String>(&line).unwrap(), &text);
            prop_assert_eq!(&yaml_serde::from_str::<String>(&line).unwrap(), &text);
        }
    }
}
