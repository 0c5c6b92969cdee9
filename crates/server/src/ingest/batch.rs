//! `POST /api/v1/batch`: a JSON array, or one JSON object a line, of changes that happen all or not at all.

mod item;

use std::fmt;

use serde::{
    Deserializer,
    de::{self, SeqAccess},
};

use self::item::{Before, Item};
use crate::write::Change;

/// Why a body is not a list of changes.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum BatchError {
    /// It is not JSON, or an item is not of the right shape; nothing behind it was read.
    #[error("item {index}: {reason}")]
    Malformed { index: usize, reason: String },
    /// These items are wrong; all others were read.
    #[error("{} of the items are wrong", .0.len())]
    Items(Vec<BadItem>),
    /// There are more items than a request may have.
    #[error("more than {max} changes in one request (limits.changes_per_request_max)")]
    TooMany { max: usize },
}

/// One item that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadItem {
    pub(crate) index: usize,
    pub(crate) reason: String,
}

/// How many bad items are listed.
const BAD_ITEMS_MAX: usize = 100;

/// Reads a body: an array if it begins with `[`, else objects with white space between.
pub(crate) fn parse(body: &[u8], changes_max: usize) -> Result<Vec<Change>, BatchError> {
    let mut items = Items {
        changes: Vec::new(),
        bad: Vec::new(),
        next: 0,
        changes_max,
        before: Before::default(),
    };
    let is_array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let read = if is_array {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let read = (&mut deserializer).deserialize_seq(ArrayVisitor(&mut items));
        read.and_then(|()| deserializer.end())
    } else {
        lines(body, &mut items)
    };
    if items.next > changes_max {
        return Err(BatchError::TooMany { max: changes_max });
    }
    read.map_err(|error| BatchError::Malformed {
        index: items.next,
        reason: error.to_string(),
    })?;
    if items.bad.is_empty() {
        Ok(items.changes)
    } else {
        Err(BatchError::Items(items.bad))
    }
}

fn lines(body: &[u8], items: &mut Items) -> Result<(), serde_json::Error> {
    for item in serde_json::Deserializer::from_slice(body).into_iter::<Item<'_>>() {
        if !items.push(item?) {
            break;
        }
    }
    Ok(())
}

struct Items {
    changes: Vec<Change>,
    bad: Vec<BadItem>,
    next: usize,
    changes_max: usize,
    before: Before,
}

impl Items {
    /// `false` if that was one too many.
    fn push(&mut self, item: Item<'_>) -> bool {
        match item.change(&mut self.before) {
            Ok(change) if self.bad.is_empty() => self.changes.push(change),
            Ok(_) => {}
            Err(error) if self.bad.len() < BAD_ITEMS_MAX => self.bad.push(BadItem {
                index: self.next,
                reason: error.to_string(),
            }),
            Err(_) => {}
        }
        self.next += 1;
        self.next <= self.changes_max
    }
}

struct ArrayVisitor<'i>(&'i mut Items);

impl<'de> de::Visitor<'de> for ArrayVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of changes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<Item<'de>>()? {
            if !self.0.push(item) {
                return Err(de::Error::custom("too many changes"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        let found = match parse(body.as_bytes(), 3) {
            Ok(changes) => changes.iter().map(describe).collect::<Vec<_>>().join("; "),
            Err(BatchError::Items(items)) => items
                .iter()
                .map(|item| format!("{}: {}", item.index, item.reason))
                .collect::<Vec<_>>()
                .join("; "),
            Err(error) => error.to_string(),
        };
        assert!(
            found.starts_with(expected) && (found.is_empty() == expected.is_empty()),
            "{body}: {found}"
        );
    }

    fn describe(change: &Change) -> String {
        match change {
            Change::Create { target } => format!("create {}{}", target.family, target.labels),
            Change::Set { target, value } => {
                format!("set {}{} {value}", target.family, target.labels)
            }
            Change::Add { target, delta } => {
                format!("add {}{} {delta}", target.family, target.labels)
            }
            Change::Observe { target, value } => {
                format!("observe {}{} {value}", target.family, target.labels)
            }
            Change::Merge { target, delta } => format!(
                "merge {}{} {:?} {}",
                target.family, target.labels, delta.counts, delta.sum
            ),
            Change::Delete { family, labels } => format!("delete {family} {labels:?}"),
            Change::DeleteMatching { selector, .. } => format!("delete matching {selector:?}"),
        }
    }

    #[test]
    fn arrays_and_lines_are_read() {
        check("", "");
        check("[]", "");
        check(r#" [{"op":"inc","metric":"a"}]"#, "add a 1");
        check(
            "{\"op\":\"dec\",\"metric\":\"a\"}\n\n{\"op\":\"sub\",\"metric\":\"a\",\"value\":2}\n",
            "add a -1; add a -2",
        );
        check(
            r#"[{"op":"set","metric":"a","labels":{"q":"x","p":"y"},"value":"+Inf"}]"#,
            r#"set a{p="y",q="x"} inf"#,
        );
        check(r#"[{"op":"set","metric":"my.näme","value":1e3}]"#, "set my.näme 1000");
        check(
            r#"[{"op":"observe","metric":"h","value":0.5,"buckets":[1,2]}]"#,
            "observe h 0.5",
        );
        check(
            r#"[{"op":"merge","metric":"h","counts":[1,0],"sum":3}]"#,
            "merge h [1, 0] 3",
        );
        check(
            r#"[{"op":"delete","metric":"a"},{"op":"delete","metric":"a","labels":{}}]"#,
            "delete a None; delete a Some({})",
        );
    }

    #[test]
    fn bad_items_are_named() {
        check(
            r#"[{"op":"inc","metric":"a"},{"op":"set","metric":"a"},{"op":"inc","metric":""}]"#,
            "1: set needs \"value\"; 2: a metric name must not be empty",
        );
        check(r#"[{"op":"inc","metric":"a","value":1}]"#, "0: inc takes no \"value\"");
        check(
            r#"[{"op":"inc","metric":"a","labels":{"x":"1","x":"2"}}]"#,
            "0: label \"x\" is given more than once",
        );
        check(
            r#"[{"op":"create","metric":"a","type":"thing"}]"#,
            "0: unknown type \"thing\"",
        );
        check(
            r#"[{"op":"inc","metric":"a"},{"op":"explode","metric":"a"}]"#,
            "item 1: unknown variant `explode`",
        );
        check(
            r#"[{"op":"inc","metric":"a","colour":1}]"#,
            "item 0: unknown field `colour`",
        );
        check(
            r#"[{"op":"set","metric":"a","value":"x"}]"#,
            "item 0: invalid value: string \"x\"",
        );
        check(
            r#"[{"op":"set","metric":"a","value":1e999}]"#,
            "item 0: number out of range",
        );
        check(r#"[{"op":"inc","metric":"a"}"#, "item 1: EOF");
        check(r#"[] x"#, "item 0: trailing characters");
        check(r#"{"op":"inc","metric":"a"} x"#, "item 1: expected value");
        check("nonsense", "item 0: expected");
        check(
            &format!("[{}]", [r#"{"op":"inc","metric":"a"}"#; 4].join(",")),
            "more than 3 changes in one request",
        );
        check(
            &[r#"{"op":"inc","metric":"a"}"#; 4].join("\n"),
            "more than 3 changes in one request",
        );
    }
}
