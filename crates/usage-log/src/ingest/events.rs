//! The body of a request that posts events: a JSON array, JSON objects with white space between (NDJSON), or CloudEvents, also one
//! whose attributes are header fields ([`parse_cloud_event`]).

mod cloud;

use std::fmt;

use nexus_calendar::Time;
use serde::{
    Deserializer as _,
    de::{self, SeqAccess},
};
use serde_json::{Deserializer, Map, Value};

use super::{BYTE_ORDER_MARK, Item, ItemError, Limits, Origin};
use crate::id::Event;

/// How many bad events are told.
const BAD_EVENTS_MAX: usize = 100;

/// Why a body is not a list of events. Nothing of it should be stored: the same body may come again, mended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The type of the body is none of those that are read.
    #[error(
        "events come as application/json, application/x-ndjson, application/cloudevents+json or \
         application/cloudevents-batch+json, not as {0}"
    )]
    ContentType(String),
    /// There are more events than a request may have.
    #[error("more than {max} events in one request (events_max)")]
    TooMany {
        /// How many it may have.
        max: usize,
    },
    /// The array is broken; what follows this event was not read.
    #[error("event {index}: {reason}")]
    Malformed {
        /// Which event, from 0.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// These events are wrong, the first hundred of them; all others can be read.
    #[error("{} of the events are wrong; the first is event {}", .0.len(), .0.first().map_or_else(String::new, BadEvent::to_string))]
    Events(Vec<BadEvent>),
}

/// One event that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEvent {
    /// Which one, from 0.
    pub index: usize,
    /// What is wrong.
    pub reason: ItemError,
}

impl fmt::Display for BadEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.index, self.reason)
    }
}

/// Reads a body, all of it or nothing. Events that do not say when they were happened at `arrived_at`.
///
/// Without a content type, and with `application/json` or `application/x-ndjson`, a body that begins with `[` is an array.
///
/// ```
/// use nexus_usage_log::{Time, ingest::{Limits, Origin, events}};
///
/// let body = br#"{"id": "7f01", "key": "acme", "service": "tiles", "status": 200, "bytes_out": 1244, "zoom": 11}"#;
/// let origin = Origin { scope: "gateway".into(), ..Origin::default() };
/// let events = events::parse(body, Some("application/x-ndjson"), &origin, &Limits::default(), Time::now())?;
/// assert_eq!(events[0].record.amounts.bytes_out, 1244);
/// assert_eq!(events[0].record.dimensions.labels.get("zoom"), Some("11"));
/// # Ok::<(), events::EventsError>(())
/// ```
///
/// # Errors
/// What is wrong with it, by event.
pub fn parse(
    body: &[u8],
    content_type: Option<&str>,
    origin: &Origin,
    limits: &Limits,
    arrived_at: Time,
) -> Result<Vec<Event>, EventsError> {
    let shape = Shape::of(content_type)?;
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let mut reading = Reading::new(shape, origin, limits, arrived_at);
    let is_array = body.trim_ascii_start().first() == Some(&b'[');
    let read = if is_array {
        array(body, &mut reading)
    } else {
        objects(body, &mut reading)
    };
    if reading.next > limits.events_max {
        let max = limits.events_max;
        return Err(EventsError::TooMany { max });
    }
    read.map_err(|error| EventsError::Malformed {
        index: reading.next,
        reason: error.to_string(),
    })?;
    reading.done()
}

/// Reads one CloudEvent in its binary mode: `attributes` are the header fields that begin with `ce-`, without it, and the body is its
/// data.
///
/// ```
/// use nexus_usage_log::{Time, ingest::{Limits, Origin, events}};
///
/// let attributes = [("specversion", "1.0"), ("id", "7f01"), ("source", "/edge"), ("type", "hit"), ("subject", "acme")];
/// let (origin, limits) = (Origin::default(), Limits::default());
/// let events = events::parse_cloud_event(attributes, br#"{"bytes_out": 4}"#, &origin, &limits, Time::now())?;
/// assert_eq!(&*events[0].record.dimensions.key, "acme");
/// # Ok::<(), events::EventsError>(())
/// ```
///
/// # Errors
/// What is wrong with it.
pub fn parse_cloud_event<'a>(
    attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
    origin: &Origin,
    limits: &Limits,
    arrived_at: Time,
) -> Result<Vec<Event>, EventsError> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii();
    let data = match body {
        [] => Ok(Value::Null),
        body => serde_json::from_slice(body).map_err(|error| ItemError::Json(error.to_string())),
    };
    let envelope = data.map(|data| {
        let attributes = attributes.into_iter();
        let attributes =
            attributes.map(|(name, value)| (name.to_ascii_lowercase(), Value::String(cloud::decoded(value))));
        let mut envelope: Map<_, _> = attributes.collect();
        envelope.insert("data".to_owned(), data);
        Value::Object(envelope)
    });
    let mut reading = Reading::new(Shape::Cloud, origin, limits, arrived_at);
    reading.push(envelope);
    reading.done()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Plain,
    Cloud,
}

impl Shape {
    fn of(content_type: Option<&str>) -> Result<Self, EventsError> {
        let essence = content_type.unwrap_or("application/json").split(';').next();
        match &*essence.unwrap_or_default().trim().to_ascii_lowercase() {
            "application/json" | "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Ok(Shape::Plain)
            }
            "application/cloudevents+json" | "application/cloudevents-batch+json" => Ok(Shape::Cloud),
            other => Err(EventsError::ContentType(other.chars().take(100).collect())),
        }
    }
}

struct Reading<'a> {
    shape: Shape,
    origin: &'a Origin,
    limits: &'a Limits,
    arrived_at: Time,
    events: Vec<Event>,
    bad: Vec<BadEvent>,
    next: usize,
}

impl<'a> Reading<'a> {
    fn new(shape: Shape, origin: &'a Origin, limits: &'a Limits, arrived_at: Time) -> Self {
        Reading {
            shape,
            origin,
            limits,
            arrived_at,
            events: Vec::new(),
            bad: Vec::new(),
            next: 0,
        }
    }

    fn done(self) -> Result<Vec<Event>, EventsError> {
        if self.bad.is_empty() {
            Ok(self.events)
        } else {
            Err(EventsError::Events(self.bad))
        }
    }

    /// Takes one more. False if it was one too many.
    fn push(&mut self, value: Result<Value, ItemError>) -> bool {
        match value.and_then(|value| self.event(value)) {
            Ok(event) if self.bad.is_empty() => self.events.push(event),
            Err(reason) if self.bad.len() < BAD_EVENTS_MAX => {
                let index = self.next;
                self.bad.push(BadEvent { index, reason });
            }
            Ok(_) | Err(_) => {}
        }
        self.next += 1;
        self.next <= self.limits.events_max
    }

    fn event(&self, value: Value) -> Result<Event, ItemError> {
        let Value::Object(fields) = value else {
            return Err(ItemError::NotAnObject);
        };
        let fields = match self.shape {
            Shape::Plain if fields.contains_key("specversion") => return Err(ItemError::CloudEvent),
            Shape::Plain => fields,
            Shape::Cloud => cloud::unwrap(fields)?,
        };
        let item = Item::read(fields, self.origin, self.limits, self.arrived_at)?;
        if item.id.is_none() {
            return Err(ItemError::Missing("id"));
        }
        Ok(item.into_event(self.origin, Default::default))
    }
}

/// Reads objects one after the other. After one that is broken it goes on with the next line.
fn objects(body: &[u8], reading: &mut Reading<'_>) -> Result<(), serde_json::Error> {
    let mut rest = body.trim_ascii_start();
    while !rest.is_empty() {
        let mut values = Deserializer::from_slice(rest).into_iter::<Value>();
        let Some(value) = values.next() else { break };
        let end = match &value {
            Ok(_) => values.byte_offset(),
            Err(_) => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        };
        if !reading.push(value.map_err(|error| ItemError::Json(error.to_string()))) {
            break;
        }
        rest = rest.get(end..).unwrap_or_default().trim_ascii_start();
    }
    Ok(())
}

fn array(body: &[u8], reading: &mut Reading<'_>) -> Result<(), serde_json::Error> {
    let mut deserializer = Deserializer::from_slice(body);
    (&mut deserializer).deserialize_seq(Array(reading))?;
    deserializer.end()
}

/// Reads an array value by value, so that one with too many of them is not held as a whole.
struct Array<'r, 'a>(&'r mut Reading<'a>);

impl<'de> de::Visitor<'de> for Array<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(value) = values.next_element::<Value>()? {
            if !self.0.push(Ok(value)) {
                return Err(de::Error::custom("too many events"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
