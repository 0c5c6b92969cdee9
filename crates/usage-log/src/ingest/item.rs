//! One event, as its fields say.

use std::sync::Arc;

use nexus_calendar::Time;
use serde_json::{Map, Value};

use super::{Limits, Origin, value};
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
    /// What happened. Its source is that of the id, too.
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
                source: self.record.dimensions.source.clone(),
                id: self.id.unwrap_or_else(or_id),
            },
            record: self.record,
            timing: self.timing,
        }
    }

    /// Reads an object's fields.
    pub(super) fn read(
        fields: Map<String, Value>,
        origin: &Origin,
        limits: &Limits,
        arrived_at: Time,
    ) -> Result<Item, ItemError> {
        let mut fields = Fields { fields, limits };
        let id = fields.id("id")?;
        let source = fields.id("source")?.unwrap_or_else(|| origin.source.clone());
        let sequence = fields.id("sequence")?.as_deref().and_then(sequence);
        let ended_at = fields.parsed("time", "RFC 3339, or Unix seconds or milliseconds", value::time)?;
        let service = fields.text("service")?;
        let dimensions = Dimensions {
            key: fields.text("key")?,
            tenant: fields.text("tenant")?,
            service: if service.is_empty() {
                origin.service.clone()
            } else {
                service
            },
            route: fields.text("route")?,
            client: fields.text("client")?,
            method: fields.text("method")?,
            status: fields.parsed("status", "from 0 to 999", status)?.unwrap_or_default(),
            outcome: fields
                .parsed("outcome", "one of complete, aborted, error, ongoing", outcome)?
                .unwrap_or_default(),
            source,
            labels: Labels::default(),
        };
        let amounts = Amounts {
            calls: fields.amount("calls")?.unwrap_or(1),
            bytes_in: fields.amount("bytes_in")?.unwrap_or_default(),
            bytes_out: fields.amount("bytes_out")?.unwrap_or_default(),
            body_bytes_in: fields.amount("body_bytes_in")?.unwrap_or_default(),
            body_bytes: fields.amount("body_bytes")?.unwrap_or_default(),
            duration_ns: fields
                .parsed("duration_seconds", "seconds, not negative", value::duration_ns)?
                .unwrap_or_default(),
        };
        let labels = fields.labels()?;
        Ok(Item {
            id,
            record: Record {
                ended_at: ended_at.unwrap_or(arrived_at),
                dimensions: Dimensions { labels, ..dimensions },
                amounts,
            },
            timing: ended_at.map_or(Timing::Arrival, |_| Timing::Given),
            sequence,
        })
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

    /// What is left.
    fn labels(mut self) -> Result<Labels, ItemError> {
        let named = match self.fields.remove("labels") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(labels)) => labels,
            Some(_) => return Err(wrong("labels", "an object")),
        };
        let count = self.fields.len() + named.len();
        if count > self.limits.labels_max {
            return Err(ItemError::TooManyLabels(self.limits.labels_max));
        }
        let mut pairs = Vec::with_capacity(count);
        for (name, value) in named.into_iter().chain(self.fields) {
            if name.len() > self.limits.label_name_bytes_max {
                let max = self.limits.label_name_bytes_max;
                return Err(too_long("the name of a label", max, "label_name_bytes_max"));
            }
            let text = bounded(&name, value, self.limits.text_bytes_max, "text_bytes_max")?;
            pairs.push((name, text));
        }
        Ok(Labels::new(pairs))
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
