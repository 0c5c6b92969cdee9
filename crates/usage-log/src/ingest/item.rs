//! One event, as its fields say.

use std::sync::Arc;

use nexus_calendar::Time;
use serde_json::{Map, Value};

use super::{Limits, Origin, names, value};
use crate::{
    amounts::Amounts,
    id::{Event, ForeignId, Timing},
    labels::Labels,
    record::{Dimensions, Outcome, Record},
};

/// What one object or one line of a log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The id that it says, if it says one.
    pub id: Option<Arc<str>>,
    /// In which name space the id is.
    pub source: Arc<str>,
    /// What happened.
    pub record: Record,
    /// Whether it says when.
    pub timing: Timing,
    /// Which stream it belongs to, and its number there.
    pub sequence: Option<(Arc<str>, u64)>,
}

/// Why an object or a line is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ItemError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It is something else than an object.
    #[error("an object is expected")]
    NotAnObject,
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field has a value of the wrong kind.
    #[error("{field} must be {expected}")]
    Field {
        /// Which one.
        field: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A text is too long.
    #[error("{field} is longer than {max} bytes ({limit})")]
    TooLong {
        /// Which one.
        field: String,
        /// How long it may be.
        max: usize,
        /// By which limit.
        limit: &'static str,
    },
    /// There are too many labels.
    #[error("more than {0} labels (labels_max)")]
    TooManyLabels(usize),
    /// A name that is no field's, and too near to one, or to what one is for, to be a label.
    #[error("{field:?} is not a field that is known: say {meant}; if it is to be a label, put it under \"labels\"")]
    Misnamed {
        /// The name.
        field: String,
        /// The field, or fields, that it seems to mean.
        meant: &'static str,
    },
    /// A field is there under two of its names, with two values.
    #[error("{alias} and {field} say different things: leave one of them out")]
    Twice {
        /// The other name.
        alias: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A line of a log says nothing that could be counted.
    #[error("no line of an access log: none of bytes_in, bytes_out, body_bytes_in, body_bytes, calls")]
    NoAmount,
    /// The service's records are made by the log's owner alone.
    #[error("the service {0:?} is this hub's own, whose requests are counted by itself: say another one")]
    Reserved(String),
    /// A CloudEvent that does not say that it is one.
    #[error("this is a CloudEvent: send it as application/cloudevents+json, or its attributes as ce- header fields")]
    CloudEvent,
    /// A line is neither an object nor in NGINX's `combined` format.
    #[error("neither a JSON object nor a line of the combined format")]
    NotCombined,
}

impl Item {
    /// The event, with an id by `or_id` if the item says none.
    pub fn into_event(self, origin: &Origin, or_id: impl FnOnce() -> Arc<str>) -> Event {
        Event {
            id: ForeignId {
                scope: origin.scope.clone(),
                source: self.source,
                id: self.id.unwrap_or_else(or_id),
            },
            record: self.record,
            timing: self.timing,
        }
    }

    /// Reads an object's fields.
    pub(super) fn read(
        mut fields: Map<String, Value>,
        origin: &Origin,
        limits: &Limits,
        arrived_at: Time,
    ) -> Result<Item, ItemError> {
        let said = names::settle(&mut fields)?;
        let mut fields = Fields { fields, limits };
        let id = fields.id("id")?;
        let source = fields.id("source")?;
        let sequence = fields.id("sequence")?.as_deref().and_then(sequence);
        let ended_at = fields.parsed("time", "RFC 3339, or Unix seconds or milliseconds", value::time)?;
        let dimensions = Dimensions {
            key: fields.text("key")?,
            tenant: fields.text("tenant")?,
            service: fields.service(origin)?,
            route: fields.text("route")?,
            client: fields.text("client")?,
            method: fields.text("method")?,
            status: fields.parsed("status", "from 0 to 999", status)?.unwrap_or_default(),
            outcome: fields
                .parsed("outcome", "one of complete, aborted, error, ongoing", outcome)?
                .unwrap_or_default(),
            source: origin.source_of(source.as_ref()),
            labels: Labels::default(),
        };
        let amounts = fields.amounts()?;
        let own_source = source.clone().filter(|_| !origin.sender.is_empty());
        let labels = fields.labels(said, own_source)?;
        Ok(Item {
            id,
            source: source.unwrap_or_else(|| origin.source.clone()),
            record: Record {
                ended_at: ended_at.unwrap_or(arrived_at),
                dimensions: Dimensions { labels, ..dimensions },
                amounts,
            },
            timing: ended_at.map_or(Timing::Arrival, |_| Timing::Given),
            sequence,
        })
    }

    /// Reads the fields of a line, which says how much it was: any other object is something else.
    pub(super) fn read_line(
        mut fields: Map<String, Value>,
        origin: &Origin,
        limits: &Limits,
        arrived_at: Time,
    ) -> Result<Item, ItemError> {
        // By which servers mean nothing.
        for value in fields.values_mut().filter(|value| **value == "-") {
            *value = Value::Null;
        }
        let has_amount = names::settle(&mut fields)?.has_amount();
        let item = Item::read(fields, origin, limits, arrived_at)?;
        has_amount.then_some(item).ok_or(ItemError::NoAmount)
    }
}

/// The fields that have not been read yet.
struct Fields<'l> {
    fields: Map<String, Value>,
    limits: &'l Limits,
}

impl Fields<'_> {
    /// A short text; none if it is missing or empty.
    fn id(&mut self, field: &str) -> Result<Option<Arc<str>>, ItemError> {
        let Some(value) = self.fields.remove(field) else {
            return Ok(None);
        };
        let text = bounded(field, value, self.limits.id_bytes_max, "id_bytes_max")?;
        Ok((!text.is_empty()).then(|| text.into()))
    }

    fn text(&mut self, field: &str) -> Result<Arc<str>, ItemError> {
        match self.fields.remove(field) {
            Some(value) => bounded(field, value, self.limits.text_bytes_max, "text_bytes_max").map(Into::into),
            None => Ok(Arc::default()),
        }
    }

    /// Never the one whose records are made here.
    fn service(&mut self, origin: &Origin) -> Result<Arc<str>, ItemError> {
        let service = self.text("service")?;
        let reserved = &*origin.reserved_service;
        if !reserved.is_empty() && service.trim().eq_ignore_ascii_case(reserved) {
            return Err(ItemError::Reserved(service.to_string()));
        }
        Ok(if service.is_empty() {
            origin.service.clone()
        } else {
            service
        })
    }

    fn amounts(&mut self) -> Result<Amounts, ItemError> {
        Ok(Amounts {
            calls: self.amount("calls")?.unwrap_or(1),
            bytes_in: self.amount("bytes_in")?.unwrap_or_default(),
            bytes_out: self.amount("bytes_out")?.unwrap_or_default(),
            body_bytes_in: self.amount("body_bytes_in")?.unwrap_or_default(),
            body_bytes: self.amount("body_bytes")?.unwrap_or_default(),
            duration_ns: self
                .parsed("duration_seconds", "seconds, not negative", value::duration_ns)?
                .unwrap_or_default(),
        })
    }

    fn amount(&mut self, field: &str) -> Result<Option<u64>, ItemError> {
        self.parsed(field, "a whole number from 0 to 9223372036854775807", value::amount)
    }

    /// What `parse` makes of a field; none if it is missing or null.
    fn parsed<T>(
        &mut self,
        field: &str,
        expected: &'static str,
        parse: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, ItemError> {
        match self.fields.remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => parse(&value).map(Some).ok_or_else(|| wrong(field, expected)),
        }
    }

    /// What is left, and the source that the event names where another one counts.
    fn labels(mut self, said: names::Said, source: Option<Arc<str>>) -> Result<Labels, ItemError> {
        let named = match self.fields.remove("labels") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(labels)) => labels,
            Some(_) => return Err(wrong("labels", "an object")),
        };
        let count = self.fields.len() + named.len();
        if count > self.limits.labels_max {
            return Err(ItemError::TooManyLabels(self.limits.labels_max));
        }
        let mut pairs = Vec::with_capacity(count + 1);
        pairs.extend(source.map(|source| ("source".to_owned(), source.to_string())));
        for (name, value) in named {
            pairs.push(self.limits.label(name, value)?);
        }
        for (name, value) in self.fields {
            if let Some(meant) = names::meant(&name, &value, said) {
                let field = name.chars().take(NAME_CHARS_MAX).collect();
                return Err(ItemError::Misnamed { field, meant });
            }
            pairs.push(self.limits.label(name, value)?);
        }
        Ok(Labels::new(pairs))
    }
}

/// How much of a name is told that is not known.
const NAME_CHARS_MAX: usize = 100;

impl Limits {
    fn label(&self, name: String, value: Value) -> Result<(String, String), ItemError> {
        if name.len() > self.label_name_bytes_max {
            let max = self.label_name_bytes_max;
            return Err(too_long("the name of a label", max, "label_name_bytes_max"));
        }
        let text = bounded(&name, value, self.text_bytes_max, "text_bytes_max")?;
        Ok((name, text))
    }
}

impl Origin {
    /// Whoever sends is the source, if that is known; then what the event says is a label.
    fn source_of(&self, said: Option<&Arc<str>>) -> Arc<str> {
        let own = || said.unwrap_or(&self.source);
        let source = if self.sender.is_empty() { own() } else { &self.sender };
        source.clone()
    }
}

fn bounded(field: &str, value: Value, max: usize, limit: &'static str) -> Result<String, ItemError> {
    let text = value::text(value).ok_or_else(|| wrong(field, "a text, a number or a truth value"))?;
    if text.len() > max {
        return Err(too_long(field, max, limit));
    }
    Ok(text)
}

fn wrong(field: &str, expected: &'static str) -> ItemError {
    let field = field.to_owned();
    ItemError::Field { field, expected }
}

fn too_long(field: &str, max: usize, limit: &'static str) -> ItemError {
    let field = field.to_owned();
    ItemError::TooLong { field, max, limit }
}

fn status(value: &Value) -> Option<u16> {
    let status = value::amount(value).and_then(|status| u16::try_from(status).ok());
    status.filter(|status| *status <= 999)
}

fn outcome(value: &Value) -> Option<Outcome> {
    value.as_str()?.parse().ok()
}

/// `STREAM:NUMBER`. Anything else is no sequence: a log without the variable writes an empty one.
fn sequence(text: &str) -> Option<(Arc<str>, u64)> {
    let (stream, number) = text.rsplit_once(':')?;
    Some((stream.into(), number.parse().ok()?))
}
