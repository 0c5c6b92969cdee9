//! Reads a series selector.

use nexus_metric::{is_legacy_label_name, is_legacy_name};
use regex::RegexBuilder;

use super::{Matcher, Test};

/// Why a text is not a series selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectorError {
    /// The text does not follow the grammar.
    #[error("bad selector {text:?} at byte {at}: expected {expected}")]
    Syntax {
        /// The selector.
        text: String,
        /// Where reading stopped.
        at: usize,
        /// What would have been right there.
        expected: &'static str,
    },
    /// A regular expression is wrong or too big.
    #[error("bad regular expression {0:?} in selector: {1}")]
    Regex(String, String),
    /// There are more matchers than anybody writes.
    #[error("a selector may have {MATCHERS_MAX} matchers at most")]
    TooManyMatchers,
    /// Every series would be meant.
    #[error("selector {0:?} needs a name or a matcher that does not match the empty text")]
    TooWide(String),
}

/// Each may hold a compiled regular expression.
const MATCHERS_MAX: usize = 64;
/// How much memory a compiled regular expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

pub(super) fn matchers(text: &str) -> Result<Vec<Matcher>, SelectorError> {
    let mut cursor = Cursor { text, at: 0 };
    let mut matchers = Vec::new();
    cursor.skip_blank();
    let name = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    if !name.is_empty() {
        if !is_legacy_name(name) {
            return Err(cursor.error("a metric name"));
        }
        matchers.push(name_is(name));
    }
    cursor.skip_blank();
    if cursor.eat("{") {
        braces(&mut cursor, &mut matchers)?;
    }
    cursor.skip_blank();
    if !cursor.rest().is_empty() {
        return Err(cursor.error("nothing more"));
    }
    let names = matchers.iter().filter(|matcher| &*matcher.label == "__name__").count();
    if !name.is_empty() && names > 1 {
        return Err(cursor.error("the name only once"));
    }
    if matchers.iter().all(|matcher| matcher.test.accepts("")) {
        return Err(SelectorError::TooWide(text.to_owned()));
    }
    Ok(matchers)
}

fn name_is(name: &str) -> Matcher {
    Matcher {
        label: "__name__".into(),
        test: Test::Equal(name.into()),
    }
}

fn braces(cursor: &mut Cursor<'_>, matchers: &mut Vec<Matcher>) -> Result<(), SelectorError> {
    loop {
        cursor.skip_blank();
        if cursor.eat("}") {
            return Ok(());
        }
        if matchers.len() == MATCHERS_MAX {
            return Err(SelectorError::TooManyMatchers);
        }
        matchers.push(matcher(cursor)?);
        cursor.skip_blank();
        if !cursor.eat(",") {
            return if cursor.eat("}") {
                Ok(())
            } else {
                Err(cursor.error("a comma or a closing brace"))
            };
        }
    }
}

fn matcher(cursor: &mut Cursor<'_>) -> Result<Matcher, SelectorError> {
    let label = if cursor.rest().starts_with(['"', '\'', '`']) {
        let name = quoted(cursor)?;
        cursor.skip_blank();
        if cursor.rest().starts_with([',', '}']) {
            return Ok(name_is(&name));
        }
        name
    } else {
        let name = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_legacy_label_name(name) {
            return Err(cursor.error("a label name"));
        }
        name.to_owned()
    };
    cursor.skip_blank();
    let operator = ["=~", "!~", "!=", "="]
        .into_iter()
        .find(|operator| cursor.eat(operator));
    let operator = operator.ok_or_else(|| cursor.error("one of = != =~ !~"))?;
    cursor.skip_blank();
    let value = quoted(cursor)?;
    let test = match operator {
        "=" => Test::Equal(value.into()),
        "!=" => Test::NotEqual(value.into()),
        "=~" => Test::Matches(regex(&value)?),
        _ => Test::MatchesNot(regex(&value)?),
    };
    Ok(Matcher {
        label: label.into(),
        test,
    })
}

/// The pattern must be one by itself: between the anchors, `a)|(b` would mean what begins with a or ends in b.
fn regex(pattern: &str) -> Result<regex::Regex, SelectorError> {
    let build = |text: &str| RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
    build(pattern)
        .and_then(|_| build(&format!("^(?s:{pattern})$")))
        .map_err(|error| SelectorError::Regex(pattern.to_owned(), error.to_string()))
}

fn quoted(cursor: &mut Cursor<'_>) -> Result<String, SelectorError> {
    let Some(quote) = cursor.rest().chars().next().filter(|c| ['"', '\'', '`'].contains(c)) else {
        return Err(cursor.error("a quoted text"));
    };
    cursor.at += 1;
    let mut value = String::new();
    let mut chars = cursor.rest().char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => {
                cursor.at += at + 1;
                return Ok(value);
            }
            '\\' if quote != '`' => match chars.next().map(|(_, escaped)| escaped) {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(escaped @ ('\\' | '"' | '\'')) => value.push(escaped),
                _ => {
                    cursor.at += at;
                    return Err(cursor.error("one of the escapes \\n \\t \\r \\\\ \\\" \\'"));
                }
            },
            other => value.push(other),
        }
    }
    Err(cursor.error("a closing quote"))
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = rest.split_once(|c| !accept(c)).map_or(rest, |(head, _)| head);
        self.at += taken.len();
        taken
    }

    fn skip_blank(&mut self) {
        self.take_while(|c| c.is_ascii_whitespace());
    }

    fn error(&self, expected: &'static str) -> SelectorError {
        SelectorError::Syntax {
            text: self.text.to_owned(),
            at: self.at,
            expected,
        }
    }
}
