//! Fuzz target: a series selector.

use std::borrow::Cow;

use nexus_metric::Labels;
use regex::RegexBuilder;

use super::batch::{journals_as_it_is, write_of};
use crate::{selector::Selector, write::Change};

/// A series selector; and, before a line break, a regular expression for the value behind it. A selector never means every
/// series, and a regular expression never means more than it does alone.
pub fn selector(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    if let Some((pattern, value)) = text.split_once('\n') {
        is_anchored(pattern, value);
    }
    let Ok(selector) = text.parse::<Selector>() else {
        return false;
    };
    assert_eq!(selector.as_str(), text);
    assert!(!(selector.matches_name("") && selector.matches_labels(&[])));
    let _ = selector.matches_labels(&[(Cow::Borrowed("a"), Cow::Borrowed(text))]);
    journals_as_it_is(&write_of(vec![Change::DeleteMatching {
        selector,
        prefix: "team_".into(),
    }]));
    true
}

fn is_anchored(pattern: &str, value: &str) {
    let Ok(quoted) = Labels::from_pairs([("a", pattern)]) else {
        return;
    };
    // Label texts are escaped as selectors are: `a="..."`.
    let Some((_, quoted)) = quoted.as_text().split_once('=') else {
        return;
    };
    let Ok(selector) = format!("{{__name__=~{quoted}}}").parse::<Selector>() else {
        return;
    };
    let alone = RegexBuilder::new(pattern).dot_matches_new_line(true).build();
    let alone = alone.expect("a part of a regular expression is none");
    if selector.matches_name(value) {
        assert!(alone.is_match(value), "{pattern:?} {value:?}");
    }
}
