//! A metric's name.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    sync::Arc,
};

/// A metric's name: UTF-8, not empty.
///
/// Names that follow the classic rule `[a-zA-Z_:][a-zA-Z0-9_:]*` are *legacy* names; all others must be quoted or
/// escaped when exposed. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// Why a text is not a metric name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty.
    #[error("a metric name must not be empty")]
    Empty,
    /// The name has a character that the classic rule does not allow.
    #[error("{0:?} is not a metric name: it must match [a-zA-Z_:][a-zA-Z0-9_:]*")]
    NotLegacy(String),
}

impl Name {
    /// Accepts any UTF-8 text that is not empty.
    ///
    /// # Errors
    /// [`NameError::Empty`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        Ok(Name(text.into()))
    }

    /// Accepts only names that need no quoting.
    ///
    /// # Errors
    /// [`NameError::Empty`], [`NameError::NotLegacy`].
    pub fn legacy(text: &str) -> Result<Self, NameError> {
        if !text.is_empty() && !is_legacy_name(text) {
            return Err(NameError::NotLegacy(text.to_owned()));
        }
        Name::new(text)
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name needs no quoting.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        is_legacy_name(&self.0)
    }
}

/// A name in its plain spelling: in lower case, `-`, blank and dot as `_`. Names with one plain spelling are spellings of one
/// name, wherever a name may be spelled in different ways.
#[must_use]
pub fn plain_spelling(name: &str) -> Cow<'_, str> {
    if !name
        .bytes()
        .any(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b' ' | b'.'))
    {
        return Cow::Borrowed(name);
    }
    let plain = |c: char| match c {
        '-' | ' ' | '.' => '_',
        other => other.to_ascii_lowercase(),
    };
    Cow::Owned(name.chars().map(plain).collect())
}

/// Whether `text` matches `[a-zA-Z_:][a-zA-Z0-9_:]*`.
#[must_use]
pub fn is_legacy_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    text.bytes()
        .next()
        .is_some_and(|first| legal(first) && !first.is_ascii_digit())
        && text.bytes().all(legal)
}

/// Whether `text` matches `[a-zA-Z_][a-zA-Z0-9_]*`.
#[must_use]
pub fn is_legacy_label_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().next().is_some_and(|first| !first.is_ascii_digit()) && text.bytes().all(legal)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_names_follow_the_classic_rule() {
        let check = |text: &str, metric: bool, label: bool| {
            assert_eq!(
                (is_legacy_name(text), is_legacy_label_name(text)),
                (metric, label),
                "{text}"
            );
        };
        check("a", true, true);
        check("_", true, true);
        check("a1_B", true, true);
        check("a:b", true, false);
        check(":", true, false);
        check("", false, false);
        check("1a", false, false);
        check("a.b", false, false);
        check("ä", false, false);
    }

    #[test]
    fn a_name_has_one_plain_spelling() {
        let check = |name: &str, expected: &str| assert_eq!(plain_spelling(name), expected, "{name}");
        check("", "");
        check("a_b:c9", "a_b:c9");
        check("My-Jobs total", "my_jobs_total");
        check("a.b", "a_b");
        check("Ä.é", "Ä_é");
        check("a/b", "a/b");
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert_eq!(Name::legacy(""), Err(NameError::Empty));
        assert_eq!(Name::legacy("a.b"), Err(NameError::NotLegacy("a.b".into())));
        let name = Name::new("a.b").unwrap();
        assert_eq!((name.as_str(), name.is_legacy()), ("a.b", false));
        assert_eq!(
            (name.to_string(), format!("{name:?}")),
            ("a.b".into(), "\"a.b\"".into())
        );
    }
}
