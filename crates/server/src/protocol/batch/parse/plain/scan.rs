//! A position in a text that is JSON of the plain form.

/// Where reading has come to in a text that is JSON, if nothing says otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scanner { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// A string in quotes, if it has no escapes.
    pub(super) fn string(&mut self) -> Option<&'a str> {
        let (text, start) = (self.text, self.at + 1);
        if self.peek() != Some(b'"') {
            return None;
        }
        let length = plain_bytes(text.as_bytes().get(start..)?);
        if text.as_bytes().get(start + length) != Some(&b'"') {
            return None;
        }
        self.at = start + length + 1;
        text.get(start..start + length)
    }

    /// A number, if it is one that a double can hold.
    pub(super) fn number(&mut self) -> Option<f64> {
        let rest = self.rest();
        let length = number_bytes(rest.as_bytes())?;
        let text = rest.get(..length)?;
        let value = match small_integer(text.as_bytes()) {
            Some(value) => value,
            None => text.parse().ok().filter(|value: &f64| value.is_finite())?,
        };
        self.at += length;
        Some(value)
    }
}

/// How many bytes there are before a quote, a backslash or a control character, or before the end.
fn plain_bytes(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return place * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The highest bit of the first byte that is a quote, a backslash or a control character, and perhaps of some behind it.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    // A byte below `limit` borrows from its own highest bit; those that have it set are left out.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & (ONES << 7);
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    is(b'"') | is(b'\\') | below(word, 0x20)
}

/// How long the number is that JSON's grammar sees at the beginning.
fn number_bytes(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        (fraction > 0).then_some(())?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        at += exponent;
        (exponent > 0).then_some(())?;
    }
    Some(at)
}

/// A number of a few digits and nothing else.
fn small_integer(digits: &[u8]) -> Option<f64> {
    if digits.len() > 9 {
        return None;
    }
    let mut number = 0u32;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number * 10 + u32::from(digit);
    }
    Some(f64::from(number))
}
