//! Reads items as nearly all are: known fields, texts without escapes, labels and numbers. Whatever is not of that shape, be
//! it wrong or only unusual, is left to `serde_json`, which alone says what is wrong.

mod scan;

use nexus_metric::{Labels, text::number};

use self::scan::Scanner;
use super::item::{Before, Op};
use crate::write::{self, Change, Target};

/// Reads a body from front to back.
pub(super) struct Reader<'a> {
    scanner: Scanner<'a>,
    /// The labels of the item that is being read; kept for its memory.
    pairs: Vec<(&'a str, &'a str)>,
    /// How the item before began, up to its labels, and what it said there: the next one mostly begins with the same bytes,
    /// which need not be read again.
    head: Head<'a>,
}

#[derive(Default)]
struct Head<'a> {
    text: &'a str,
    fields: Fields<'a>,
}

/// What an item says, as far as it was read.
#[derive(Clone, Default)]
struct Fields<'a> {
    op: Option<Op>,
    metric: Option<&'a str>,
    labels: Option<Labels>,
    value: Option<f64>,
    kind: Option<&'a str>,
    help: Option<&'a str>,
    unit: Option<&'a str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Reader {
            scanner: Scanner::new(text),
            pairs: Vec::new(),
            head: Head::default(),
        }
    }

    /// What was not read yet, behind white space.
    pub(super) fn rest(&mut self) -> &'a str {
        self.scanner.skip_space();
        self.scanner.rest()
    }

    /// Goes on so many bytes further.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.scanner.skip(bytes);
    }

    /// Takes the byte if it is the next one behind white space.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        self.scanner.skip_space();
        self.scanner.eat(byte)
    }

    /// The item that comes next, if it is plain and right. If not, nothing was read.
    pub(super) fn change(&mut self, before: &mut Before) -> Option<Change<'static>> {
        let start = self.scanner;
        let change = self.fields().and_then(|fields| fields.change(before));
        if change.is_none() {
            self.scanner = start;
        }
        change
    }

    fn fields(&mut self) -> Option<Fields<'a>> {
        let rest = self.rest();
        if !self.head.text.is_empty() && rest.starts_with(self.head.text) {
            self.scanner.skip(self.head.text.len());
            let mut fields = self.head.fields.clone();
            once(&mut fields.labels, self.labels()?)?;
            return self.more_fields(rest, fields);
        }
        self.eat(b'{').then_some(())?;
        let fields = Fields::default();
        self.member(rest, fields)
            .and_then(|fields| self.more_fields(rest, fields))
    }

    /// The members that follow, up to the end of the item that begins with `item`.
    fn more_fields(&mut self, item: &'a str, mut fields: Fields<'a>) -> Option<Fields<'a>> {
        while !self.eat(b'}') {
            self.eat(b',').then_some(())?;
            fields = self.member(item, fields)?;
        }
        Some(fields)
    }

    fn member(&mut self, item: &'a str, mut fields: Fields<'a>) -> Option<Fields<'a>> {
        match self.name()? {
            "op" => once(&mut fields.op, Op::named(self.scanner.string()?)?)?,
            "metric" => once(&mut fields.metric, self.scanner.string()?)?,
            "labels" => {
                let length = item.len() - self.scanner.rest().len();
                let text = item.get(..length)?;
                let head = Head {
                    text,
                    fields: fields.clone(),
                };
                once(&mut fields.labels, self.labels()?)?;
                self.head = head;
            }
            "value" => once(&mut fields.value, self.value()?)?,
            "type" => once(&mut fields.kind, self.scanner.string()?)?,
            "help" => once(&mut fields.help, self.scanner.string()?)?,
            "unit" => once(&mut fields.unit, self.scanner.string()?)?,
            _ => return None,
        }
        Some(fields)
    }

    /// The name of a member, and the colon behind it.
    fn name(&mut self) -> Option<&'a str> {
        self.scanner.skip_space();
        let name = self.scanner.string()?;
        self.eat(b':').then_some(())?;
        self.scanner.skip_space();
        Some(name)
    }

    fn labels(&mut self) -> Option<Labels> {
        self.pairs.clear();
        self.scanner.eat(b'{').then_some(())?;
        if self.eat(b'}') {
            return Some(Labels::none());
        }
        loop {
            let name = self.name()?;
            self.pairs.push((name, self.scanner.string()?));
            if self.eat(b'}') {
                return Labels::from_slice(&mut self.pairs).ok();
            }
            self.eat(b',').then_some(())?;
        }
    }

    fn value(&mut self) -> Option<f64> {
        match self.scanner.number() {
            Some(value) => Some(value),
            None => number::parse(self.scanner.string()?),
        }
    }
}

/// `None` if it was given before.
fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    match field.replace(value) {
        None => Some(()),
        Some(_) => None,
    }
}

impl Fields<'_> {
    /// The change that `super::item` would make of them; `None` also if it would refuse.
    fn change(self, before: &mut Before) -> Option<Change<'static>> {
        let op = self.op?;
        let happens = match (op, self.value) {
            (Op::Create, None) => write::Op::Ensure,
            (Op::Set, Some(value)) => write::Op::Set(value),
            (Op::Add, Some(value)) => write::Op::Add(value),
            (Op::Sub, Some(value)) => write::Op::Add(-value),
            (Op::Inc, None) => write::Op::Add(1.0),
            (Op::Dec, None) => write::Op::Add(-1.0),
            (Op::Observe, Some(value)) => write::Op::Observe(value),
            _ => return None,
        };
        let kind = match self.kind {
            Some(kind) => Some(kind.parse().ok()?),
            None => None,
        };
        let define = (op == Op::Create || kind.is_some()).then(|| {
            let (help, unit) = (self.help.unwrap_or_default(), self.unit.unwrap_or_default());
            before.definition(kind, help, unit, None)
        });
        let target = Target::new(before.name(self.metric?).ok()?, self.labels.unwrap_or_default());
        Some(Change::Series(target.defining(define), happens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(item: &str, is_plain: bool) {
        let mut reader = Reader::new(item);
        assert_eq!(reader.change(&mut Before::default()).is_some(), is_plain, "{item}");
        assert_eq!(reader.rest().is_empty(), is_plain, "{item}");
    }

    #[test]
    fn what_is_usual_is_read_without_help() {
        check(
            r#"{"op":"add","metric":"a","type":"counter","labels":{"b":"1","a":"2"},"value":1}"#,
            true,
        );
        check(
            r#" { "value" : -1.5e3 , "help" : "é" , "unit" : "" , "metric" : "my.name" , "op" : "set" } "#,
            true,
        );
        check(r#"{"op":"inc","metric":"a","labels":{}}"#, true);
        check(r#"{"op":"set","metric":"a","value":"+Inf"}"#, true);
        check(r#"{"op":"create","metric":"a","type":"histogram"}"#, true);
        for left in [
            r#"{"op":"inc","metric":"a","labels":{"a":"
"}}"#,
            r#"{"op":"inc","metric":"a","labels":null}"#,
            r#"{"op":"merge","metric":"a","counts":[1],"sum":1}"#,
            r#"{"op":"inc","metric":"a","op":"inc"}"#,
            r#"{"op":"inc","metric":"a""#,
            r#"{"op":"inc","metric":""}"#,
            r#"{"op":"set","metric":"a"}"#,
            "[]",
        ] {
            check(left, false);
        }
    }
}
