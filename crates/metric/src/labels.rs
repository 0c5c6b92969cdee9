//! A set of labels, sorted by name.

use std::{borrow::Cow, fmt, fmt::Write as _};

use crate::is_legacy_label_name;

/// A set of labels, sorted by name, in the one form in which they are stored, hashed, compared and exposed.
///
/// That form, [`Labels::as_text`], is what stands between the braces of an exposed sample: `name="value"` pairs joined
/// by commas, values escaped (`\\`, `\"`, `\n`), names that are not legacy quoted and escaped likewise. Two sets are
/// equal exactly if their texts are. A label with an empty value is an absent label.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Labels(Box<str>);

/// Why something is not a set of labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// A label's name is empty.
    #[error("a label name must not be empty")]
    EmptyName,
    /// A label's name begins with two underscores.
    #[error("label name {0:?} is reserved: names must not begin with __")]
    Reserved(String),
    /// A label is given twice.
    #[error("label {0:?} is given more than once")]
    Duplicate(String),
    /// The text is not in the form that [`Labels::as_text`] gives.
    #[error("malformed label text {0:?}")]
    Malformed(String),
}

impl Labels {
    /// No labels at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Sorts the pairs, leaves out those with an empty value.
    ///
    /// # Errors
    /// An empty or reserved name, or a name given twice (also if one of its values is empty).
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, LabelError> {
        Labels::from_slice(&mut pairs.into_iter().collect::<Vec<_>>())
    }

    /// The same with pairs that may be put in order where they are.
    ///
    /// # Errors
    /// See [`Labels::from_pairs`].
    pub fn from_slice<N: AsRef<str>, V: AsRef<str>>(pairs: &mut [(N, V)]) -> Result<Self, LabelError> {
        if !pairs.is_sorted_by(|a, b| a.0.as_ref() <= b.0.as_ref()) {
            pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        }
        // With the two quotes, the equals sign and the comma of each pair; there is no comma before the first.
        let length = |(name, value): &(N, V)| name.as_ref().len() + value.as_ref().len() + 4;
        let bytes = pairs.iter().map(length).sum::<usize>().saturating_sub(1);
        let mut text = String::with_capacity(bytes);
        let mut previous: Option<&str> = None;
        for (name, value) in &*pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            check_name(name)?;
            if previous == Some(name) {
                return Err(LabelError::Duplicate(name.to_owned()));
            }
            previous = Some(name);
            if !value.is_empty() {
                push_pair(&mut text, name, value);
            }
        }
        Ok(Labels(text.into()))
    }

    /// Reads the form that [`Labels::as_text`] gives.
    ///
    /// # Errors
    /// Whatever [`Labels::from_pairs`] refuses, and any text that is not exactly what it would have written.
    pub fn from_text(text: &str) -> Result<Self, LabelError> {
        let malformed = || LabelError::Malformed(text.to_owned());
        let mut pairs = Vec::new();
        let mut iter = Iter { rest: text };
        for pair in &mut iter {
            pairs.push(pair);
        }
        if !iter.rest.is_empty() {
            return Err(malformed());
        }
        let labels = Labels::from_pairs(pairs)?;
        if &*labels.0 == text {
            Ok(labels)
        } else {
            Err(malformed())
        }
    }

    /// Whether [`Labels::from_text`] reads the text. Allocates only if a name is quoted or a value has an escape.
    #[must_use]
    pub fn is_text(text: &str) -> bool {
        is_plain_text(text.as_bytes(), |_, _| true) || Labels::from_text(text).is_ok()
    }

    /// Whether a text is of labels, all names are legacy, no value has an escape, and all pairs are fine; allocates nothing.
    #[must_use]
    pub fn is_plain_text_and(text: &str, is_fine: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        is_plain_text(text.as_bytes(), is_fine)
    }

    /// The canonical text; empty if there are no labels.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// Whether there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs of a text that [`Labels::as_text`] gave, as [`Labels::iter`] gives them; it stops at what is not such a
    /// text.
    pub fn pairs_of(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        Iter { rest: text }
    }

    /// The pairs, by name, unescaped.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        Iter { rest: &self.0 }
    }

    /// The value of one label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

/// The pairs of a text that [`Labels::as_text`] gave.
pub(crate) fn pairs(text: &str) -> Iter<'_> {
    Iter { rest: text }
}

/// The pairs of a canonical label text, which need not be a `Labels` yet; stops at what it cannot read.
pub(crate) struct Iter<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest;
        let (name, rest) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (name, rest) = rest.split_at_checked(memchr::memchr(b'=', rest.as_bytes())?)?;
                (Cow::Borrowed(name), rest)
            }
        };
        let (value, rest) = unquote(rest.strip_prefix("=\"")?)?;
        self.rest = rest
            .strip_prefix(',')
            .filter(|more| !more.is_empty())
            .or(rest.is_empty().then_some(""))?;
        Some((name, value))
    }
}

/// Reads up to the closing quote; gives the unescaped text and what follows the quote.
fn unquote(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let plain = memchr::memchr2(b'"', b'\\', text.as_bytes())?;
    let (head, tail) = text.split_at_checked(plain)?;
    if let Some(rest) = tail.strip_prefix('"') {
        return Some((Cow::Borrowed(head), rest));
    }
    let mut value = String::from(head);
    let mut chars = tail.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Cow::Owned(value), chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
}

/// Whether it is the text of labels with legacy names and values without escapes, as nearly all are, and all are fine.
fn is_plain_text(text: &[u8], is_fine: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    // Not the empty name at first: what is empty points nowhere, and comparing that is slow on some processors.
    let (mut rest, mut previous) = (text, None);
    while !rest.is_empty() {
        let Some((name, value)) = split_where(rest, |byte| !(byte.is_ascii_alphanumeric() || byte == b'_')) else {
            return false;
        };
        let legal = name.first().is_some_and(|byte| !byte.is_ascii_digit()) && !name.starts_with(b"__");
        let Some((value, behind)) = value
            .strip_prefix(b"=\"")
            .and_then(|value| split_where(value, |byte| matches!(byte, b'"' | b'\\' | b'\n')))
        else {
            return false;
        };
        if !legal || previous.is_some_and(|previous| name <= previous) || value.is_empty() || !is_fine(name, value) {
            return false;
        }
        previous = Some(name);
        rest = match behind {
            b"\"" => return true,
            [b'"', b',', rest @ ..] => rest,
            _ => return false,
        };
    }
    text.is_empty()
}

/// Splits before the first byte that is one of those, if there is one.
fn split_where(bytes: &[u8], is_one: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.iter().position(|byte| is_one(*byte))?)
}

fn check_name(name: &str) -> Result<(), LabelError> {
    if name.is_empty() {
        return Err(LabelError::EmptyName);
    }
    if name.starts_with("__") {
        return Err(LabelError::Reserved(name.to_owned()));
    }
    Ok(())
}

fn push_pair(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    if is_legacy_label_name(name) {
        text.push_str(name);
    } else {
        push_quoted(text, name);
    }
    text.push('=');
    push_quoted(text, value);
}

fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    let mut rest = value;
    while let Some(at) = memchr::memchr3(b'\\', b'"', b'\n', rest.as_bytes()) {
        let (plain, escaped) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.push_str(plain);
        text.push('\\');
        text.push(if escaped.starts_with('\n') {
            'n'
        } else {
            escaped.chars().next().unwrap_or_default()
        });
        rest = escaped.get(1..).unwrap_or_default();
    }
    text.push_str(rest);
    text.push('"');
}

impl fmt::Display for Labels {
    /// As in an exposed sample, braces included; nothing if there are no labels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        f.write_char('{')?;
        f.write_str(&self.0)?;
        f.write_char('}')
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_have_one_text() {
        let check = |pairs: &[(&str, &str)], expected: Result<&str, LabelError>| {
            let labels = Labels::from_pairs(pairs.iter().copied());
            assert_eq!(labels.as_ref().map(Labels::as_text), expected.as_ref().copied());
        };
        check(&[], Ok(""));
        check(&[("a", "")], Ok(""));
        check(&[("b", "2"), ("a", "1")], Ok(r#"a="1",b="2""#));
        check(&[("a", "\\ \" \n")], Ok(r#"a="\\ \" \n""#));
        check(
            &[("a.b", "1"), ("a:b", "2"), ("a\"", "3")],
            Ok(r#""a\""="3","a.b"="1","a:b"="2""#),
        );
        check(&[("", "1")], Err(LabelError::EmptyName));
        check(&[("__a", "")], Err(LabelError::Reserved("__a".into())));
        check(&[("a", "1"), ("a", "")], Err(LabelError::Duplicate("a".into())));
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        for text in ["", r#"a="1""#, r#""a.b"="1",c="\\\"\n,""#] {
            assert_eq!(Labels::from_text(text).unwrap().as_text(), text);
            assert!(Labels::is_text(text), "{text}");
        }
        for text in [
            "a",
            "a=1",
            r#"a="1"#,
            r#"a="1","#,
            r#"a="1"b="2""#,
            r#"a="1",,b="2""#,
            r#"a="""#,
            r#"b="1",a="2""#,
            r#""a"="1""#,
            r#"a.b="1""#,
            r#"a="\q""#,
            r#"a="1" "#,
            "a=\"\n\"",
        ] {
            assert_eq!(
                Labels::from_text(text),
                Err(LabelError::Malformed(text.into())),
                "{text}"
            );
            assert!(!Labels::is_text(text), "{text}");
        }
    }

    #[test]
    fn labels_are_plain_and_fine() {
        let check = |text: &str, expected: bool| {
            let labels = Labels::from_text(text).unwrap();
            let found = Labels::is_plain_text_and(labels.as_text(), |name, value| name != b"b" && value.len() < 3);
            assert_eq!(found, expected, "{text}");
        };
        check("", true);
        check(r#"a="1",c="22""#, true);
        check(r#"a="1",b="2""#, false);
        check(r#"a="333""#, false);
        check(r#""a.b"="1""#, false);
        check(r#"a="\n""#, false);
    }

    #[test]
    fn labels_are_found_and_shown() {
        let labels = Labels::from_pairs([("a", "x\"y"), ("b.c", "z")]).unwrap();
        assert_eq!(labels.get("a").as_deref(), Some("x\"y"));
        assert_eq!(labels.get("b.c").as_deref(), Some("z"));
        assert_eq!(labels.get("c"), None);
        assert_eq!(labels.to_string(), r#"{a="x\"y","b.c"="z"}"#);
        assert_eq!(
            (Labels::none().to_string(), format!("{:?}", Labels::none())),
            (String::new(), "{}".into())
        );
    }

    proptest! {
        #[test]
        fn pairs_read_back(pairs in prop::collection::btree_map("[^_].{0,5}", ".{0,6}|[\"\\\\\n,=]{1,4}", 0..5)) {
            let labels = Labels::from_pairs(&pairs).unwrap();
            prop_assert_eq!(&Labels::from_text(labels.as_text()).unwrap(), &labels);
            let expected: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            let found: Vec<_> = labels.iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_text_is_answered(text in "[ab\"\\\\n,= ]{0,20}") {
            if let Ok(labels) = Labels::from_text(&text) {
                prop_assert_eq!(labels.as_text(), text);
            }
        }

        #[test]
        fn a_text_is_one_if_it_is_read(text in "((a|b|_|0|é|\"c\"|__a)=\"(x|\\\\n|\n|)\"[,x]?){0,3}") {
            prop_assert_eq!(Labels::is_text(&text), Labels::from_text(&text).is_ok(), "{}", text);
        }
    }
}
