//! Reads a body for a write that may happen in part: what is wrong with one item says nothing about the others.

use serde::de::{self, IgnoredAny};

use super::{BAD_ITEMS_MAX, BadItem, BatchError, Item, ItemError, Reader, item::Before};
use crate::{json, write::Change};

/// What a body says, item by item.
#[derive(Debug, Default)]
pub(crate) struct Each {
    pub(crate) changes: Vec<Change<'static>>,
    /// The first of the items that are no changes.
    pub(crate) bad: Vec<BadItem>,
    /// The places of all of them, rising.
    places: Vec<usize>,
}

impl Each {
    /// How many items are no changes.
    pub(crate) fn bad_len(&self) -> u64 {
        self.places.len() as u64
    }

    /// The places of items by the places of their changes.
    pub(crate) fn item_of(&self, change: usize) -> usize {
        let before = |item: usize, bad: &usize| item + usize::from(*bad <= item);
        self.places.iter().fold(change, before)
    }

    fn len(&self) -> usize {
        self.changes.len() + self.places.len()
    }

    fn push(&mut self, change: Result<Change<'static>, ItemError>) {
        match change {
            Ok(change) => self.changes.push(change),
            Err(error) => {
                let index = self.len();
                self.places.push(index);
                if self.bad.len() < BAD_ITEMS_MAX {
                    let reason = error.to_string();
                    self.bad.push(BadItem { index, reason });
                }
            }
        }
    }
}

/// Reads a body: an array if it begins with `[`, else objects with white space between. Only what is no JSON is refused whole.
pub(crate) fn parse_each(body: &[u8], changes_max: usize) -> Result<Each, BatchError> {
    let broken = |index: usize, reason: String| Err(BatchError::Malformed(BadItem { index, reason }));
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => return broken(0, format!("the body is not UTF-8: {error}")),
    };
    let mut each = Each::default();
    let mut before = Before::default();
    let mut reader = Reader::new(text);
    let is_array = reader.eat(b'[');
    if is_array && reader.eat(b']') {
        return end(&mut reader, each);
    }
    while is_array || !reader.rest().is_empty() {
        match item(&mut reader, &mut before) {
            Ok(change) => each.push(change),
            Err(error) => return broken(each.len(), error.to_string()),
        }
        if each.len() > changes_max {
            return Err(BatchError::TooMany { max: changes_max });
        }
        if is_array && !reader.eat(b',') {
            if reader.eat(b']') {
                return end(&mut reader, each);
            }
            return broken(each.len(), "expected `,` or `]` behind the item before".to_owned());
        }
    }
    Ok(each)
}

/// Behind an array there is nothing.
fn end(reader: &mut Reader<'_>, each: Each) -> Result<Each, BatchError> {
    match reader.rest().is_empty() {
        true => Ok(each),
        false => Err(BatchError::Malformed(BadItem {
            index: each.len(),
            reason: "trailing characters behind the array".to_owned(),
        })),
    }
}

/// The next item: what is wrong with it, if it is JSON.
fn item(reader: &mut Reader<'_>, before: &mut Before) -> Result<Result<Change<'static>, ItemError>, serde_json::Error> {
    if let Some(change) = reader.change(before) {
        return Ok(Ok(change));
    }
    let rest = reader.rest();
    let mut whole = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
    match whole.next() {
        Some(read) => drop(read?),
        None => return Err(de::Error::custom("EOF where an item was expected")),
    }
    let length = whole.byte_offset();
    reader.skip(length);
    let read = json::read::<Item<'_>>(rest.get(..length).unwrap_or_default().as_bytes());
    Ok(match read {
        Ok(item) => item.0.change(before),
        Err(error) => Err(ItemError::Shape(error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let found = match parse_each(body.as_bytes(), 4) {
            Ok(each) => {
                let items = (0..each.changes.len()).map(|change| each.item_of(change).to_string());
                let bad = each.bad.iter().map(|bad| format!("{}: {}", bad.index, bad.reason));
                format!(
                    "{} | {}",
                    items.collect::<Vec<_>>().join(" "),
                    bad.collect::<Vec<_>>().join("; ")
                )
            }
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected), "{body}: {found}");
    }

    #[test]
    fn what_is_wrong_with_one_item_says_nothing_about_the_others() {
        const GOOD: &str = r#"{"op":"inc","metric":"a"}"#;
        check("", " | ");
        check("[]", " | ");
        check(&format!("[{GOOD},{GOOD}]"), "0 1 | ");
        check(
            &format!(r#"[{{"op":"explode","metric":"a"}},{GOOD},{{"op":"set","metric":"a"}},{GOOD}]"#),
            "1 3 | 0: op: unknown variant `explode`, expected one of",
        );
        check(
            &format!(r#"{{"op":"set","metric":"a"}} 7 {GOOD} []"#),
            "2 | 0: set needs \"value\"; 1: invalid type: integer",
        );
        check(
            &format!(r#"{GOOD} {{"op":"inc","metric":"","labels":{{"x":"\n"}}}}"#),
            "0 | 1: a metric name must not be empty",
        );
        check(
            &format!(r#"{GOOD} {{"op":"inc","metric":"a","x":{{"y":[1,"]}}"]}}}} {GOOD}"#),
            "0 2 | 1: x: unknown field `x`",
        );
    }

    #[test]
    fn what_is_no_json_is_refused_whole() {
        const GOOD: &str = r#"{"op":"inc","metric":"a"}"#;
        check("[", "item 0: EOF");
        check(&format!("[{GOOD},"), "item 1: EOF");
        check(&format!("[{GOOD} {GOOD}]"), "item 1: expected `,` or `]`");
        check(&format!("[{GOOD}] x"), "item 1: trailing characters");
        check("[] x", "item 0: trailing characters");
        check(&format!("{GOOD} nonsense"), "item 1: expected");
        check(&[GOOD; 5].join("\n"), "more than 4 changes in one request");
        check(
            &format!("[{}]", ["7"; 5].join(",")),
            "more than 4 changes in one request",
        );
        assert!(parse_each(b"[\xff]", 4).is_err());
    }
}
