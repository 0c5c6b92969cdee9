//! Series selectors: `name{label="value",other=~"regex"}`, as in `?match[]=`.
//!
//! The grammar is that of PromQL's instant vector selectors; regular expressions are anchored at both ends.

mod parse;

use std::{borrow::Cow, fmt, str::FromStr};

use regex::Regex;

pub(crate) use parse::SelectorError;

/// Which series are meant.
#[derive(Clone)]
pub(crate) struct Selector {
    text: Box<str>,
    matchers: Vec<Matcher>,
}

#[derive(Debug, Clone)]
struct Matcher {
    label: Box<str>,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Equal(Box<str>),
    NotEqual(Box<str>),
    Matches(Regex),
    MatchesNot(Regex),
}

impl Test {
    fn accepts(&self, value: &str) -> bool {
        match self {
            Test::Equal(text) => value == &**text,
            Test::NotEqual(text) => value != &**text,
            Test::Matches(regex) => regex.is_match(value),
            Test::MatchesNot(regex) => !regex.is_match(value),
        }
    }
}

impl Selector {
    /// The selector as it was given.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a family's name satisfies what the selector asks of `__name__`.
    #[must_use]
    pub(crate) fn matches_name(&self, name: &str) -> bool {
        self.matchers
            .iter()
            .filter(|matcher| &*matcher.label == "__name__")
            .all(|matcher| matcher.test.accepts(name))
    }

    /// Whether labels satisfy all that the selector asks of them; a missing label reads as empty.
    #[must_use]
    pub(crate) fn matches_labels(&self, labels: &[(Cow<'_, str>, Cow<'_, str>)]) -> bool {
        self.matchers
            .iter()
            .filter(|matcher| &*matcher.label != "__name__")
            .all(|matcher| {
                let value = labels
                    .iter()
                    .find(|(name, _)| **name == *matcher.label)
                    .map_or("", |(_, value)| value);
                matcher.test.accepts(value)
            })
    }

    /// Whether only names are looked at, so that a family matches whole or not at all.
    #[must_use]
    pub(crate) fn is_name_only(&self) -> bool {
        self.matchers.iter().all(|matcher| &*matcher.label == "__name__")
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Ok(Selector {
            text: text.into(),
            matchers: parse::matchers(text)?,
        })
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use nexus_metric::Labels;

    use super::*;

    fn check(selector: &str, name: &str, labels: &[(&str, &str)], expected: bool) {
        let selector: Selector = selector.parse().unwrap();
        let labels = Labels::from_pairs(labels.iter().copied()).unwrap();
        let pairs: Vec<_> = labels.iter().collect();
        assert_eq!(
            selector.matches_name(name) && selector.matches_labels(&pairs),
            expected,
            "{selector:?}"
        );
    }

    #[test]
    fn selects_as_prometheus_does() {
        check("up", "up", &[], true);
        check("up", "upper", &[], false);
        check("up{}", "up", &[("a", "b")], true);
        check(r#"up{a="b"}"#, "up", &[("a", "b")], true);
        check(r#"up{a="b"}"#, "up", &[("a", "c")], false);
        check(r#"up{a!="b"}"#, "up", &[], true);
        check(r#"up{a=""}"#, "up", &[], true);
        check(r#"{__name__=~"u.*"}"#, "up", &[], true);
        check(r#"{__name__=~"u"}"#, "up", &[], false);
        check(r#"{a=~"x|y", b!~"z+" ,}"#, "up", &[("a", "y"), ("b", "zz")], false);
        check(r#"{a=~'x|y', b!~`z+`}"#, "up", &[("a", "y"), ("b", "q")], true);
        check(r#"{"my.name", "my.label"="1"}"#, "my.name", &[("my.label", "1")], true);
        check(r#"up{a="\"\n\\"}"#, "up", &[("a", "\"\n\\")], true);
    }

    #[test]
    fn refuses_what_is_not_a_selector() {
        for text in [
            "",
            "{",
            "{}",
            "up{",
            "up{a}",
            "up{a=}",
            "up{a=b}",
            "up{a=\"b\"",
            "up{a=\"b\"}x",
            "up{a=~\"(\"}",
            "up{a=~\"b)|(c\"}",
            "1up",
            "up{a==\"b\"}",
            "{a=\"\"}",
            "{a=~\".*\"}",
            "up{1=\"b\"}",
            "a{__name__=\"b\"}",
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
