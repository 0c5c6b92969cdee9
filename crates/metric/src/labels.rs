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
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        let mut text = String::new();
        let mut previous: Option<&str> = None;
        for (name, value) in &pairs {
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
                let (name, rest) = rest.split_at_checked(rest.find('=')?)?;
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
    let plain = text.find(['"', '\\'])?;
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
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
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
