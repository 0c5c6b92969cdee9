//! A JSON array, or one JSON object a line, becomes a list of changes.

#[cfg(test)]
mod differential;
mod each;
mod item;
mod plain;

use std::fmt;

use serde::{
    Deserializer,
    de::{self, SeqAccess},
};

pub(crate) use each::{Each, parse_each};

use self::{
    item::{Before, Item, ItemError},
    plain::Reader,
};
use crate::write::Change;

/// Why a body is not a list of changes.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum BatchError {
    /// It is not JSON, or an item is not of the right shape; nothing behind it was read.
    #[error("item {}: {}", .0.index, .0.reason)]
    Malformed(BadItem),
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
pub(crate) fn parse(body: &[u8], changes_max: usize) -> Result<Vec<Change<'static>>, BatchError> {
    match std::str::from_utf8(body).ok().and_then(|text| quick(text, changes_max)) {
        Some(read) => read,
        None => thorough(body, changes_max),
    }
}

/// Reads plain items by itself and lets `serde_json` read the others, one by one. `None` if one of them, or what is between
/// them, is not what it should be: what exactly, [`thorough`] says.
fn quick(text: &str, changes_max: usize) -> Option<Result<Vec<Change<'static>>, BatchError>> {
    let mut items = Items::new(changes_max);
    let mut reader = Reader::new(text);
    let is_array = reader.eat(b'[');
    if is_array && reader.eat(b']') {
        return reader.rest().is_empty().then_some(Ok(Vec::new()));
    }
    while is_array || !reader.rest().is_empty() {
        let change = match reader.change(&mut items.before) {
            Some(change) => Ok(change),
            None => {
                let mut item = serde_json::Deserializer::from_str(reader.rest()).into_iter::<Item<'_>>();
                let change = item.next()?.ok()?.0.change(&mut items.before);
                reader.skip(item.byte_offset());
                change
            }
        };
        if !items.push(change) {
            return Some(Err(BatchError::TooMany { max: changes_max }));
        }
        if items.next == 1 {
            items.expect_more_like_it(text.len(), reader.rest().len());
        }
        if is_array && !reader.eat(b',') {
            if reader.eat(b']') && reader.rest().is_empty() {
                break;
            }
            return None;
        }
    }
    Some(items.read())
}

/// Reads all with `serde_json`, which says where it stopped and why.
fn thorough(body: &[u8], changes_max: usize) -> Result<Vec<Change<'static>>, BatchError> {
    let mut items = Items::new(changes_max);
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
    read.map_err(|error| {
        BatchError::Malformed(BadItem {
            index: items.next,
            reason: error.to_string(),
        })
    })?;
    items.read()
}

fn lines(body: &[u8], items: &mut Items) -> Result<(), serde_json::Error> {
    for item in serde_json::Deserializer::from_slice(body).into_iter::<Item<'_>>() {
        let change = item?.0.change(&mut items.before);
        if !items.push(change) {
            break;
        }
    }
    Ok(())
}

struct Items {
    changes: Vec<Change<'static>>,
    bad: Vec<BadItem>,
    next: usize,
    changes_max: usize,
    before: Before,
}

impl Items {
    fn new(changes_max: usize) -> Self {
        Items {
            changes: Vec::new(),
            bad: Vec::new(),
            next: 0,
            changes_max,
            before: Before::default(),
        }
    }

    /// Makes room for as many as there are if all are as long as the first.
    fn expect_more_like_it(&mut self, body_bytes: usize, rest_bytes: usize) {
        let more = rest_bytes / (body_bytes - rest_bytes).max(1);
        self.changes.reserve_exact(more.min(self.changes_max));
    }

    /// `false` if that was one too many.
    fn push(&mut self, change: Result<Change<'static>, ItemError>) -> bool {
        match change {
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

    fn read(self) -> Result<Vec<Change<'static>>, BatchError> {
        if self.bad.is_empty() {
            Ok(self.changes)
        } else {
            Err(BatchError::Items(self.bad))
        }
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
            let change = item.0.change(&mut self.0.before);
            if !self.0.push(change) {
                return Err(de::Error::custom("too many changes"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::{Op, Target};

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

    fn describe(change: &Change<'_>) -> String {
        match change {
            Change::Series(Target { family, labels, .. }, op) => {
                let (verb, value) = match op {
                    Op::Ensure => ("create", String::new()),
                    Op::Set(value) => ("set", format!(" {value}")),
                    Op::Add(delta) => ("add", format!(" {delta}")),
                    Op::Observe(value) => ("observe", format!(" {value}")),
                    Op::Merge(delta) => ("merge", format!(" {:?} {}", delta.counts, delta.sum)),
                };
                format!("{verb} {family}{labels}{value}")
            }
            Change::Delete { family, labels } => format!("delete {family} {labels:?}"),
            other => format!("{other:?}"),
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
