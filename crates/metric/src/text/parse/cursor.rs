//! What is left of a line.

use std::borrow::Cow;

use memchr::memchr2;

use super::Reason;
use crate::text::Format;

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a str,
    pub(super) format: Format,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(format: Format, rest: &'a str) -> Self {
        Cursor { rest, format }
    }

    /// Passes over `expected` if it stands here.
    pub(super) fn eat(&mut self, expected: char) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Passes over blanks and tabs, which may stand between tokens in 0.0.4 only.
    pub(super) fn blanks(&mut self) {
        if self.format == Format::Prometheus {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
        }
    }

    /// Passes over what separates two tokens: one blank in OpenMetrics, blanks and tabs in 0.0.4.
    pub(super) fn gap(&mut self) -> Result<(), Reason> {
        let before = self.rest;
        self.blanks();
        if self.rest.len() < before.len() || (self.format == Format::OpenMetrics && self.eat(' ')) {
            return Ok(());
        }
        Err(Reason::syntax("a blank", self.rest))
    }

    /// A metric's or label's name, bare or in quotes.
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, Reason> {
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        let starts = !self.rest.starts_with(|c: char| c.is_ascii_digit());
        let name = self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
        if starts && !name.is_empty() {
            Ok(Cow::Borrowed(name))
        } else {
            Err(Reason::syntax("a name", if name.is_empty() { self.rest } else { name }))
        }
    }

    /// Everything up to a blank or tab.
    pub(super) fn token(&mut self) -> &'a str {
        self.take_while(|byte| !matches!(byte, b' ' | b'\t'))
    }

    /// A text in quotes, unescaped.
    pub(super) fn quoted(&mut self) -> Result<Cow<'a, str>, Reason> {
        let opened = *self;
        let unclosed = || Reason::syntax("a closing quote", opened.rest);
        if !self.eat('"') {
            return Err(Reason::syntax("a quote", self.rest));
        }
        let mut owned = String::new();
        loop {
            let at = memchr2(b'"', b'\\', self.rest.as_bytes()).ok_or_else(unclosed)?;
            let (plain, rest) = self.rest.split_at_checked(at).ok_or_else(unclosed)?;
            if let Some(rest) = rest.strip_prefix('"') {
                self.rest = rest;
                if owned.is_empty() {
                    return Ok(Cow::Borrowed(plain));
                }
                owned.push_str(plain);
                return Ok(Cow::Owned(owned));
            }
            owned.push_str(plain);
            let mut chars = rest.chars();
            chars.next();
            match (chars.next().ok_or_else(unclosed)?, self.format) {
                ('n', _) => owned.push('\n'),
                (escaped @ ('"' | '\\'), _) => owned.push(escaped),
                // OpenMetrics' grammar has the backslash stand for itself before other characters.
                (other, Format::OpenMetrics) => owned.extend(['\\', other]),
                (other, Format::Prometheus) => return Err(Reason::Escape(other)),
            }
            self.rest = chars.as_str();
        }
    }

    /// The rest of the line as help text, unescaped; a backslash without meaning stands for itself.
    pub(super) fn help(&mut self) -> String {
        let mut help = String::with_capacity(self.rest.len());
        let mut chars = self.rest.chars();
        while let Some(c) = chars.next() {
            match (c, chars.as_str().chars().next()) {
                ('\\', Some(escaped @ ('\\' | '"'))) => help.push(escaped),
                ('\\', Some('n')) => help.push('\n'),
                _ => {
                    help.push(c);
                    continue;
                }
            }
            chars.next();
        }
        self.rest = "";
        help
    }

    fn take_while(&mut self, taken: impl Fn(u8) -> bool) -> &'a str {
        let end = self
            .rest
            .bytes()
            .position(|byte| !taken(byte))
            .unwrap_or(self.rest.len());
        let (head, tail) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = tail;
        head
    }
}
