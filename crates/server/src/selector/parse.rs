//! Reads a series selector.

use nexus_metric::{is_legacy_label_name, is_legacy_name};
use regex_automata::meta;
use regex_syntax::{
    ParserBuilder,
    hir::{Hir, Look},
};

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
/// How much memory may be used beside it to match a text.
const REGEX_CACHE_BYTES_MAX: usize = 256 << 10;

/// `room` is what the regular expressions may take in bytes once they are compiled, and what is left of that then.
pub(super) fn matchers(text: &str, room: &mut usize) -> Result<Vec<Matcher>, SelectorError> {
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
        braces(&mut cursor, &mut matchers, room)?;
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

fn braces(cursor: &mut Cursor<'_>, matchers: &mut Vec<Matcher>, room: &mut usize) -> Result<(), SelectorError> {
    loop {
        cursor.skip_blank();
        if cursor.eat("}") {
            return Ok(());
        }
        if matchers.len() == MATCHERS_MAX {
            return Err(SelectorError::TooManyMatchers);
        }
        matchers.push(matcher(cursor, room)?);
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

fn matcher(cursor: &mut Cursor<'_>, room: &mut usize) -> Result<Matcher, SelectorError> {
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
        "=~" => Test::Matches(regex(&value, room)?),
        _ => Test::MatchesNot(regex(&value, room)?),
    };
    Ok(Matcher {
        label: label.into(),
        test,
    })
}

/// An expression that matches whole texts: anchored behind the grammar, so that none can look over the anchors.
fn regex(pattern: &str, room: &mut usize) -> Result<meta::Regex, SelectorError> {
    let wrong = |error: String| SelectorError::Regex(pattern.to_owned(), error);
    let parsed = ParserBuilder::new().dot_matches_new_line(true).build().parse(pattern);
    let pattern = parsed.map_err(|error| wrong(error.to_string()))?;
    let whole = Hir::concat(vec![Hir::look(Look::Start), pattern, Hir::look(Look::End)]);
    let config = meta::Config::new()
        .nfa_size_limit(Some(*room))
        .hybrid_cache_capacity(REGEX_CACHE_BYTES_MAX);
    let built = meta::Builder::new().configure(config).build_from_hir(&whole);
    let regex = built.map_err(|error| match error.size_limit() {
        Some(_) => wrong(TOO_LARGE.to_owned()),
        None => wrong(error.to_string()),
    })?;
    *room = room
        .checked_sub(regex.memory_usage())
        .ok_or_else(|| wrong(TOO_LARGE.to_owned()))?;
    Ok(regex)
}

const TOO_LARGE: &str =
    "with it, the expressions of the request take more memory than they may (limits.regexes_bytes_max)";

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
