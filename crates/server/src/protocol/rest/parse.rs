//! The simple API: a metric is a path, labels are query parameters, a value is a body.

use std::{borrow::Cow, str::FromStr, sync::Arc};

use axum::http::Uri;
use nexus_metric::{
    Buckets, Kind, LabelError, Labels, Name, NameError, is_legacy_label_name, plain_spelling, text::number,
};

use crate::{
    http::Reserved,
    write::{Change, Define, Definition, Op, Target},
};

/// What a client asks of the metric in its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Set,
    Increment,
    Decrement,
    Add,
    Subtract,
    Observe,
    Delete,
}

/// Why a request is not a change. Its text names what was sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum RestError {
    #[error("{0}")]
    Name(#[from] NameError),
    #[error("/{segment} is reserved for {purpose}: choose another name, or use the JSON API")]
    ReservedPath { segment: String, purpose: &'static str },
    #[error("{0}")]
    Label(#[from] LabelError),
    #[error("label name {0:?} must match [a-zA-Z_][a-zA-Z0-9_]*")]
    LabelName(String),
    #[error("parameter {0} is given more than once")]
    Repeated(String),
    #[error("unknown parameter {0}: those that begin with __ are __type__, __help__, __unit__ and __buckets__")]
    UnknownParameter(String),
    #[error("{0} is not percent-encoded UTF-8")]
    Encoding(&'static str),
    #[error("__type__: {0}")]
    Kind(#[from] nexus_metric::UnknownKind),
    #[error("__buckets__: {0}")]
    Buckets(#[from] nexus_metric::BucketsError),
    #[error("__buckets__ needs __type__=histogram")]
    BucketsOfWhat,
    #[error("{0:?} is not a number")]
    NotANumber(String),
    #[error("the description is not UTF-8")]
    Description,
}

/// How much of a bad value is repeated in the answer.
const SHOWN_CHARS: usize = 64;

impl FromStr for Verb {
    type Err = ();

    /// One that stands in a path; the others are methods.
    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "inc" => Verb::Increment,
            "dec" => Verb::Decrement,
            "add" => Verb::Add,
            "sub" => Verb::Subtract,
            "observe" => Verb::Observe,
            _ => return Err(()),
        })
    }
}

/// Where a request was sent, as it was sent: decoding comes after splitting, so that `%2F` stays in a name, and what cannot be
/// decoded is refused, which the router would let pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address<'a> {
    pub(crate) metric: &'a str,
    pub(crate) verb: &'a str,
    pub(crate) query: &'a str,
}

/// What an address means: a series, and the definition that the query gives.
#[derive(Debug, Clone)]
pub(crate) struct Addressed {
    pub(crate) target: Target<'static>,
    /// Whether the query says anything about labels, even that one is absent.
    names_labels: bool,
}

impl<'a> Address<'a> {
    pub(crate) fn of(uri: &'a Uri) -> Self {
        let mut segments = uri.path().split('/').skip(1);
        Address {
            metric: segments.next().unwrap_or_default(),
            verb: segments.next().unwrap_or_default(),
            query: uri.query().unwrap_or_default(),
        }
    }

    /// What it means, where `meant` knows which metrics there are.
    pub(crate) fn read(
        &self,
        reserved: &Reserved,
        meant: impl Fn(&str) -> Option<Name>,
    ) -> Result<Addressed, RestError> {
        let family = name(self.metric, reserved, meant)?;
        let query = query(self.query)?;
        let names_labels = !query.labels.is_empty();
        let labels = Labels::from_pairs(query.labels).map_err(|error| match error {
            LabelError::Duplicate(name) => RestError::Repeated(name),
            other => other.into(),
        })?;
        Ok(Addressed {
            target: Target::new(family, labels).defining(query.definition.map(Arc::new)),
            names_labels,
        })
    }
}

impl Addressed {
    /// The change that a verb asks for.
    pub(crate) fn change(self, verb: Verb, body: &[u8]) -> Result<Change<'static>, RestError> {
        let Addressed {
            mut target,
            names_labels,
        } = self;
        let op = match verb {
            Verb::Create => {
                target = described(target, body)?;
                return Ok(Change::Series(target, Op::Ensure));
            }
            Verb::Delete => {
                let labels = names_labels.then_some(target.labels);
                let family = target.family;
                return Ok(Change::Delete { family, labels });
            }
            Verb::Set => Op::Set(value(body)?),
            Verb::Increment => Op::Add(1.0),
            Verb::Decrement => Op::Add(-1.0),
            Verb::Add => Op::Add(value(body)?),
            Verb::Subtract => Op::Add(-value(body)?),
            Verb::Observe => Op::Observe(value(body)?),
        };
        // A write makes a metric only if it says of what type.
        if target.define.definition().is_some_and(|define| define.kind.is_none()) {
            target.define = Define::Nothing;
        }
        Ok(Change::Series(target, op))
    }
}

/// The same, whose family is made if it is missing; a body is its description.
fn described<'a>(target: Target<'a>, body: &[u8]) -> Result<Target<'a>, RestError> {
    let mut definition = target.define.definition().map(Cow::into_owned).unwrap_or_default();
    let description = std::str::from_utf8(body).map_err(|_| RestError::Description)?;
    if !description.is_empty() {
        definition.help = description.into();
    }
    Ok(target.defining(Some(Arc::new(definition))))
}

/// A metric's name, percent-decoded: of the metric that it means in whatever spelling; if there is none, as metric-nexus reads it,
/// in its plain spelling.
pub(crate) fn name(raw: &str, reserved: &Reserved, meant: impl Fn(&str) -> Option<Name>) -> Result<Name, RestError> {
    let decoded = decoded_name(raw)?;
    let normal = plain_spelling(&decoded);
    // Also what only becomes one: a metric must be found under the name it has.
    if let Some(purpose) = reserved.purpose(&decoded).or_else(|| reserved.purpose(&normal)) {
        let segment = decoded.clone().into_owned();
        return Err(RestError::ReservedPath { segment, purpose });
    }
    match meant(&decoded) {
        Some(name) => Ok(name),
        None => Ok(Name::legacy(&normal)?),
    }
}

/// A metric's name as it was sent.
pub(crate) fn decoded_name(raw: &str) -> Result<Cow<'_, str>, RestError> {
    percent_decode(raw, Plus::Literal).ok_or(RestError::Encoding("the metric's name"))
}

/// A number, with white space around it.
pub(crate) fn value(body: &[u8]) -> Result<f64, RestError> {
    let parsed = std::str::from_utf8(body)
        .ok()
        .and_then(|text| number::parse(text.trim()));
    parsed.ok_or_else(|| RestError::NotANumber(String::from_utf8_lossy(body).chars().take(SHOWN_CHARS).collect()))
}

#[derive(Debug, Default)]
struct Query<'a> {
    labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    definition: Option<Definition>,
}

fn query(raw: &str) -> Result<Query<'_>, RestError> {
    let mut query = Query::default();
    let (mut kind, mut help, mut unit, mut buckets) = (None, None, None, None);
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text| percent_decode(text, Plus::Blank).ok_or(RestError::Encoding("the query"));
        let (name, value) = (decode(name)?, decode(value)?);
        match &*name {
            "__type__" => once(&name, &mut kind, value.parse()?)?,
            "__help__" => once(&name, &mut help, value)?,
            "__unit__" => once(&name, &mut unit, value)?,
            "__buckets__" => once(&name, &mut buckets, bounds(&value)?)?,
            ours if ours.starts_with("__") => {
                return Err(RestError::UnknownParameter(name.into_owned()));
            }
            label if !is_legacy_label_name(label) => {
                return Err(RestError::LabelName(name.into_owned()));
            }
            _ => query.labels.push((name, value)),
        }
    }
    if buckets.is_some() && kind != Some(Kind::Histogram) {
        return Err(RestError::BucketsOfWhat);
    }
    if kind.is_some() {
        let text = |text: Option<Cow<'_, str>>| text.unwrap_or_default().into();
        query.definition = Some(Definition {
            kind,
            help: text(help),
            unit: text(unit),
            buckets,
        });
    } else if help.is_some() || unit.is_some() {
        // Only a creation can use these without a type.
        let text = |text: Option<Cow<'_, str>>| text.unwrap_or_default().into();
        query.definition = Some(Definition {
            kind: None,
            help: text(help),
            unit: text(unit),
            buckets: None,
        });
    }
    Ok(query)
}

/// Sets what may be said once.
fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), RestError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(RestError::Repeated(name.to_owned())),
    }
}

fn bounds(text: &str) -> Result<Buckets, RestError> {
    let bounds = text
        .split(',')
        .map(|bound| number::parse(bound.trim()).ok_or_else(|| RestError::NotANumber(bound.to_owned())));
    Ok(Buckets::new(&bounds.collect::<Result<Vec<f64>, _>>()?)?)
}

#[derive(Clone, Copy, PartialEq)]
enum Plus {
    Literal,
    Blank,
}

/// `None` if an escape is cut short or the result is not UTF-8.
fn percent_decode(text: &str, plus: Plus) -> Option<Cow<'_, str>> {
    let is_plain = |byte: u8| byte != b'%' && !(byte == b'+' && plus == Plus::Blank);
    if text.bytes().all(is_plain) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if plus == Plus::Blank => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::reserved;

    fn read(query: &str) -> Result<Addressed, RestError> {
        let (metric, verb) = ("m", "");
        Address { metric, verb, query }.read(&reserved(), |_| None)
    }

    #[test]
    fn names_are_read_as_metric_nexus_reads_them_or_refused() {
        let check = |raw: &str, expected: Option<&str>| {
            let found = name(raw, &reserved(), |_| None);
            assert_eq!(found.ok().as_ref().map(Name::as_str), expected, "{raw}");
        };
        check("demo", Some("demo"));
        check("My-Metric", Some("my_metric"));
        check("my%20met%2Dric", Some("my_met_ric"));
        check("a.b:c", Some("a_b:c"));
        check("__metrics", Some("__metrics"));
        for bad in [
            "1abc",
            "...x%2F",
            "%2F%2F",
            "%",
            "%2",
            "%zz",
            "%ff",
            "",
            "é",
            "a%00b",
            "a$b",
            "api",
            "API",
            "metrics",
            "v1",
            "-",
            "ui",
            "aggregate",
            "write",
            "Query",
            "ping",
            "with",
            "opentelemetry.proto.collector.metrics.v1.MetricsService",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_metric_that_is_there_is_meant_however_it_is_named() {
        let check = |raw: &str, expected: &str| {
            let there = |given: &str| ["My.Jobs", "é"].contains(&given).then(|| Name::new(given).unwrap());
            let found = name(raw, &reserved(), there).unwrap();
            assert_eq!(found.as_str(), expected, "{raw}");
        };
        check("My.Jobs", "My.Jobs");
        check("%C3%A9", "é");
        check("My.Other", "my_other");
    }

    #[test]
    fn values_are_numbers_with_blanks_around() {
        let check = |body: &str, expected: Option<f64>| assert_eq!(value(body.as_bytes()).ok(), expected, "{body:?}");
        check("5", Some(5.0));
        check(" 5\r\n", Some(5.0));
        check("-1.5e3", Some(-1500.0));
        check("+Inf", Some(f64::INFINITY));
        check("Infinity", Some(f64::INFINITY));
        check("9007199254740993", Some(9007199254740992.0));
        for bad in ["", " ", "abc", "0x10", "1_000", "1e400", "1,5", "5 5", "5;", "--5"] {
            check(bad, None);
        }
        assert!(value(b"NaN").unwrap().is_nan());
        assert_eq!(value(b"abc").unwrap_err().to_string(), "\"abc\" is not a number");
        assert!(value(&[0xff; 1000]).unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn a_deletion_without_labels_is_of_the_whole_metric() {
        let check = |query: &str, exact: bool| {
            let deletion = read(query).unwrap().change(Verb::Delete, b"").unwrap();
            assert!(
                matches!(deletion, Change::Delete { labels, .. } if labels.is_some() == exact),
                "{query}"
            );
        };
        check("", false);
        check("__type__=gauge", false);
        check("q=mail", true);
        check("q=", true);
        check("__type__=gauge&q=mail", true);
    }

    #[test]
    fn parameters_are_labels_or_ours() {
        let check = |query: &str, expected: &str| {
            let found = read(query).map_or_else(
                |error| error.to_string(),
                |Addressed { target, .. }| {
                    let define = target.define.definition();
                    let define = define.map_or_else(String::new, |define| format!(" {define:?}"));
                    format!("{}{}", target.labels, define)
                },
            );
            assert!(
                found.starts_with(expected) && (found.is_empty() == expected.is_empty()),
                "{query}: {found}"
            );
        };
        check("", "");
        check("queue=mail", "{queue=\"mail\"}");
        check("b=2&a=1&c=", "{a=\"1\",b=\"2\"}");
        check("a=x+y%2Bz", "{a=\"x y+z\"}");
        check("a=%C3%A9%22", "{a=\"é\\\"\"}");
        check("a=1&a=2", "parameter a is given more than once");
        check("a=&a=2", "parameter a is given more than once");
        check("a-b=1", "label name \"a-b\" must match");
        check("=1", "label name \"\" must match");
        check("__ttl__=5", "unknown parameter __ttl__");
        check(
            "__type__=gauge&__type__=counter",
            "parameter __type__ is given more than once",
        );
        check("__type__=nonsense", "__type__: unknown type \"nonsense\"");
        check(
            "__type__=counter&q=1&__help__=Jobs+done",
            "{q=\"1\"} Definition { kind: Some(Counter), help: \"Jobs done\"",
        );
        check(
            "__type__=histogram&__buckets__=0.1,1,10",
            " Definition { kind: Some(Histogram), help: \"\", unit: \"\", buckets: Some(Buckets([0.1, 1.0, 10.0]))",
        );
        check("__buckets__=1", "__buckets__ needs __type__=histogram");
        check(
            "__type__=histogram&__buckets__=2,1",
            "__buckets__: bucket bounds must rise",
        );
        check("__type__=histogram&__buckets__=a", "\"a\" is not a number");
        check("a=%ff", "the query is not percent-encoded UTF-8");
    }
}
