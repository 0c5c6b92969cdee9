//! `POST /api/v1/batch`: a JSON array, or one JSON object a line, of changes that happen all or not at all.

use std::{borrow::Cow, fmt, sync::Arc};

use nexus_metric::{Buckets, BucketsError, Kind, LabelError, Labels, Name, NameError, UnknownKind, text::number};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess},
};

use crate::write::{Change, Definition, HistogramDelta, Target};

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
}

impl Items {
    /// `false` if that was one too many.
    fn push(&mut self, item: Item<'_>) -> bool {
        match item.change() {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Create,
    Set,
    Add,
    Sub,
    Inc,
    Dec,
    Observe,
    Merge,
    Delete,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<'a> {
    op: Op,
    #[serde(borrow)]
    metric: Cow<'a, str>,
    #[serde(borrow, default)]
    labels: Option<Pairs<'a>>,
    #[serde(default)]
    value: Option<Number>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    help: Option<Text<'a>>,
    #[serde(borrow, default)]
    unit: Option<Text<'a>>,
    #[serde(default)]
    buckets: Option<Vec<Number>>,
    #[serde(default)]
    counts: Option<Box<[u64]>>,
    #[serde(default)]
    sum: Option<Number>,
}

#[derive(Debug, thiserror::Error)]
enum ItemError {
    #[error("{0}")]
    Name(#[from] NameError),
    #[error("{0}")]
    Label(#[from] LabelError),
    #[error("{0}")]
    Kind(#[from] UnknownKind),
    #[error("{0}")]
    Buckets(#[from] BucketsError),
    #[error("{op:?} needs {field:?}")]
    Missing { op: Op, field: &'static str },
    #[error("{op:?} takes no {field:?}")]
    Superfluous { op: Op, field: &'static str },
}

impl Item<'_> {
    fn change(self) -> Result<Change, ItemError> {
        self.has_only_what_its_op_takes()?;
        let op = self.op;
        if op == Op::Delete {
            let labels = self.labels.map(|pairs| Labels::from_pairs(pairs.0)).transpose()?;
            return Ok(Change::Delete {
                family: Name::new(&self.metric)?,
                labels,
            });
        }
        let value = || {
            self.value
                .map(|number| number.0)
                .ok_or(ItemError::Missing { op, field: "value" })
        };
        let what: fn(Target, f64) -> Change = match op {
            Op::Set => |target, value| Change::Set { target, value },
            Op::Add | Op::Inc => |target, delta| Change::Add { target, delta },
            Op::Sub | Op::Dec => |target, delta| Change::Add { target, delta: -delta },
            Op::Observe => |target, value| Change::Observe { target, value },
            Op::Create | Op::Merge | Op::Delete => |target, _| Change::Create { target },
        };
        let amount = match op {
            Op::Set | Op::Add | Op::Sub | Op::Observe => value()?,
            Op::Inc | Op::Dec => 1.0,
            Op::Create | Op::Merge | Op::Delete => 0.0,
        };
        if op == Op::Merge {
            let counts = self.counts.clone().ok_or(ItemError::Missing { op, field: "counts" })?;
            let sum = self.sum.ok_or(ItemError::Missing { op, field: "sum" })?.0;
            return Ok(Change::Merge {
                target: self.target()?,
                delta: HistogramDelta { counts, sum },
            });
        }
        Ok(what(self.target()?, amount))
    }

    fn has_only_what_its_op_takes(&self) -> Result<(), ItemError> {
        let takes_value = matches!(self.op, Op::Set | Op::Add | Op::Sub | Op::Observe);
        let (merges, deletes) = (self.op == Op::Merge, self.op == Op::Delete);
        for (given, allowed, field) in [
            (self.value.is_some(), takes_value, "value"),
            (self.counts.is_some(), merges, "counts"),
            (self.sum.is_some(), merges, "sum"),
            (self.kind.is_some(), !deletes, "type"),
            (self.help.is_some(), !deletes, "help"),
            (self.unit.is_some(), !deletes, "unit"),
            (self.buckets.is_some(), !deletes, "buckets"),
        ] {
            if given && !allowed {
                return Err(ItemError::Superfluous { op: self.op, field });
            }
        }
        Ok(())
    }

    fn target(self) -> Result<Target, ItemError> {
        let defines = self.op == Op::Create || self.kind.is_some() || self.buckets.is_some();
        let kind = match &self.kind {
            Some(kind) => Some(kind.0.parse()?),
            // Only a histogram has buckets.
            None => self.buckets.as_ref().map(|_| Kind::Histogram),
        };
        let buckets = self
            .buckets
            .map(|bounds| Buckets::new(&bounds.iter().map(|bound| bound.0).collect::<Vec<_>>()))
            .transpose()?;
        let text = |text: Option<Text<'_>>| text.map_or_else(Box::default, |text| text.0.into());
        let define = defines.then(|| {
            Arc::new(Definition {
                kind,
                help: text(self.help),
                unit: text(self.unit),
                buckets,
            })
        });
        let labels = self
            .labels
            .map_or_else(|| Ok(Labels::none()), |pairs| Labels::from_pairs(pairs.0))?;
        Ok(Target {
            family: Name::new(&self.metric)?,
            labels,
            define,
        })
    }
}

/// A JSON number, or a text that is a number (`"NaN"`, `"+Inf"`).
#[derive(Debug, Clone, Copy)]
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a text like \"NaN\" or \"+Inf\"")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "a metric's value is a double")]
            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "a metric's value is a double")]
            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                number::parse(text)
                    .map(Number)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A text that is borrowed from the body where it can be.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Labels in the order in which they were sent, so that a name given twice is noticed.
struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Visitor)
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
            "1: Set needs \"value\"; 2: a metric name must not be empty",
        );
        check(r#"[{"op":"inc","metric":"a","value":1}]"#, "0: Inc takes no \"value\"");
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
