//! Series selectors: `name{label="value",other=~"regex"}`, as in `?match[]=`.
//!
//! The grammar is that of PromQL's instant vector selectors; regular expressions are anchored at both ends.

mod parse;

use std::{borrow::Cow, fmt, str::FromStr};

use regex_automata::meta::Regex;

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

/// What the regular expressions of a selector may take by themselves.
const REGEXES_BYTES_MAX: usize = 64 << 20;

impl Selector {
    /// Reads one, whose regular expressions may take so many bytes once they are compiled; `room` is what is left of that.
    ///
    /// # Errors
    /// It is none, or there is no room for it.
    pub(crate) fn read(text: &str, room: &mut usize) -> Result<Self, SelectorError> {
        Ok(Selector {
            text: text.into(),
            matchers: parse::matchers(text, room)?,
        })
    }

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

    /// One by itself, as a journal has it or a test.
    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Selector::read(text, &mut { REGEXES_BYTES_MAX })
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
    fn has_64_matchers_at_most() {
        let of = |count: usize| format!("{{{}}}", vec!["a=\"b\""; count].join(","));
        assert!(of(64).parse::<Selector>().is_ok());
        assert_eq!(of(65).parse::<Selector>().unwrap_err(), SelectorError::TooManyMatchers);
    }

    #[test]
    fn regular_expressions_share_their_room() {
        let read = |texts: &[&str], mut room: usize| {
            let read: Result<Vec<_>, _> = texts.iter().map(|text| Selector::read(text, &mut room)).collect();
            read.map(|_| room).map_err(|error| error.to_string())
        };
        let left = read(&[r#"a{b=~"x.*"}"#], 1 << 20).unwrap();
        assert!(left < 1 << 20);
        assert!(
            read(&[r#"a{b=~".{400}"}"#], 64 << 10)
                .unwrap_err()
                .contains("limits.regexes_bytes_max")
        );
        assert!(
            read(&[r#"a{b=~"x.*"}"#; 64], (1 << 20) - left)
                .unwrap_err()
                .contains("limits.regexes_bytes_max")
        );
        assert_eq!(read(&["a", r#"a{b="c"}"#], 0), Ok(0));
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
