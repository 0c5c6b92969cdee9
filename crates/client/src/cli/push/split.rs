//! Where one change ends and the next begins.

use std::io::{self, BufRead};

use nexus_metric::spelling;

/// A change as it stands in the file, without line ends.
#[derive(Debug, PartialEq)]
pub(super) struct Item {
    pub(super) text: String,
    /// Where it begins and ends, from 1.
    pub(super) first_line: usize,
    pub(super) last_line: usize,
}

/// Why the file is no list of changes.
#[derive(Debug, thiserror::Error)]
pub(super) enum SplitError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("line {line}: {reason}")]
    Wrong { line: usize, reason: String },
}

/// How large one change may be: what a hub takes as a whole.
const ITEM_BYTES_MAX: usize = 16 << 20;

/// The objects of a JSON array, or those that stand one after the other. Holds one at a time.
pub(super) struct Items<R> {
    input: R,
    line: usize,
    array: Option<bool>,
    /// A `]` was read, or an error told.
    ended: bool,
}

impl<R: BufRead> Items<R> {
    pub(super) fn new(input: R) -> Self {
        Items {
            input,
            line: 1,
            array: None,
            ended: false,
        }
    }

    /// The next byte that is no blank, without taking it.
    fn peek(&mut self) -> Result<Option<u8>, SplitError> {
        loop {
            let Some(&byte) = self.input.fill_buf()?.first() else {
                return Ok(None);
            };
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.take(byte);
        }
    }

    /// Some programs put a byte order mark before a text.
    fn skip_mark(&mut self) -> Result<(), SplitError> {
        let mark = spelling::mark_bytes(self.input.fill_buf()?);
        self.input.consume(mark);
        Ok(())
    }

    fn take(&mut self, byte: u8) {
        self.input.consume(1);
        self.line += usize::from(byte == b'\n');
    }

    fn read(&mut self) -> Result<Option<Item>, SplitError> {
        if self.array.is_none() {
            self.skip_mark()?;
        }
        let mut next = self.peek()?;
        if self.array.is_none() {
            self.array = Some(next == Some(b'['));
            if next == Some(b'[') {
                self.take(b'[');
                next = self.peek()?;
                if next == Some(b']') {
                    return self.end_of_array();
                }
            }
        } else if self.array == Some(true) {
            match next {
                Some(b']') => return self.end_of_array(),
                Some(b',') => {
                    self.take(b',');
                    next = self.peek()?;
                }
                _ => return Err(wrong(self.line, "expected , or ] behind a change")),
            }
        }
        match next {
            Some(b'{') => self.object().map(Some),
            None if self.array == Some(false) => Ok(None),
            None => Err(wrong(self.line, "the array has no end")),
            Some(_) => Err(wrong(self.line, "expected a change, as {\"op\": …, \"metric\": …}")),
        }
    }

    fn end_of_array(&mut self) -> Result<Option<Item>, SplitError> {
        self.take(b']');
        match self.peek()? {
            None => Ok(None),
            Some(_) => Err(wrong(self.line, "there is something behind the array")),
        }
    }

    /// From a `{` to the `}` that ends it. Whether it is JSON between them is seen afterwards.
    fn object(&mut self) -> Result<Item, SplitError> {
        let first_line = self.line;
        let (mut text, mut depth, mut in_string, mut escaped) = (Vec::new(), 0_usize, false, false);
        loop {
            let Some(&byte) = self.input.fill_buf()?.first() else {
                return Err(wrong(first_line, "the change that begins here has no end"));
            };
            self.take(byte);
            text.push(if matches!(byte, b'\n' | b'\r') && !in_string {
                b' '
            } else {
                byte
            });
            match (in_string, byte) {
                (true, _) if escaped => escaped = false,
                (true, b'\\') => escaped = true,
                (_, b'"') => in_string = !in_string,
                (false, b'{') => depth += 1,
                (false, b'}') if depth == 1 => break,
                (false, b'}') => depth -= 1,
                _ => {}
            }
            if text.len() > ITEM_BYTES_MAX {
                return Err(wrong(first_line, "the change that begins here is too large"));
            }
        }
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&text);
        is_json.map_err(|error| wrong(first_line, format!("not JSON: {error}")))?;
        let text = String::from_utf8(text).map_err(|_| wrong(first_line, "not UTF-8"))?;
        Ok(Item {
            text,
            first_line,
            last_line: self.line,
        })
    }
}

fn wrong(line: usize, reason: impl Into<String>) -> SplitError {
    let reason = reason.into();
    SplitError::Wrong { line, reason }
}

impl<R: BufRead> Iterator for Items<R> {
    type Item = Result<Item, SplitError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found = Items::new(text.as_bytes()).map(|item| match item {
            Ok(item) => format!("{}-{}: {}", item.first_line, item.last_line, item.text),
            Err(error) => error.to_string(),
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn arrays_and_lines_are_taken_apart() {
        check("", &[]);
        check("  \n\n", &[]);
        check("[]", &[]);
        check("{\"a\":1}\n\n{\"b\":2}", &["1-1: {\"a\":1}", "3-3: {\"b\":2}"]);
        check("{}{}", &["1-1: {}", "1-1: {}"]);
        check(
            "\n[{\"a\":1},\n {\"b\":{}}\n]\n",
            &["2-2: {\"a\":1}", "3-3: {\"b\":{}}"],
        );
        check("{\n\"a\": 1\r\n}", &["1-3: { \"a\": 1  }"]);
        check(r#"{"a":"}\"{\\"}{}"#, &[r#"1-1: {"a":"}\"{\\"}"#, "1-1: {}"]);
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        let no_change = "expected a change, as {\"op\": …, \"metric\": …}";
        check("{}\n{", &["1-1: {}", "line 2: the change that begins here has no end"]);
        check("{}\nnonsense\n{}", &["1-1: {}", &format!("line 2: {no_change}")]);
        check("[{}", &["1-1: {}", "line 1: expected , or ] behind a change"]);
        check("[{},]", &["1-1: {}", &format!("line 1: {no_change}")]);
        check("[", &["line 1: the array has no end"]);
        check("[{}]\n{}", &["1-1: {}", "line 2: there is something behind the array"]);
        check("{\"a\":}", &["line 1: not JSON: expected value at line 1 column 6"]);
        check(
            "{\"a\n\":1}",
            &["line 1: not JSON: control character (\\u0000-\\u001F) found while parsing a string at line 1 column 3"],
        );
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[\\[\\]{}\",:\\\\a1 \n]{0,40}") {
            let items = Items::new(text.as_bytes()).count();
            prop_assert!(items <= text.len());
        }
    }
}
