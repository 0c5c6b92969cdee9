//! CloudEvents.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::ingest::ItemError;

const VERSION: &str = "1.0";

/// Takes an event out of its CloudEvents envelope: `id`, `source` and `time` are the envelope's, `subject` is the key and
/// `type` a label where the data have none. Extension attributes are not read.
pub(super) fn unwrap(mut envelope: Map<String, Value>) -> Result<Map<String, Value>, ItemError> {
    if required(&mut envelope, "specversion")? != VERSION {
        return Err(wrong("specversion", "1.0"));
    }
    if envelope.contains_key("data_base64") {
        return Err(wrong("data", "a JSON object, not data_base64"));
    }
    let mut fields = match envelope.remove("data") {
        Some(Value::Object(data)) => data,
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err(wrong("data", "a JSON object")),
    };
    if fields.contains_key("id") || fields.contains_key("source") {
        return Err(wrong("data", "without id and source: they are the envelope's"));
    }
    for attribute in ["id", "source"] {
        let text = required(&mut envelope, attribute)?;
        fields.insert(attribute.to_owned(), Value::String(text));
    }
    if let Some(time) = envelope.remove("time") {
        fields.insert("time".to_owned(), time);
    }
    let kind = required(&mut envelope, "type")?;
    fields.entry("type").or_insert(Value::String(kind));
    if let Some(subject) = envelope.remove("subject") {
        fields.entry("key").or_insert(subject);
    }
    Ok(fields)
}

/// The value of a header field: what is not ASCII stands as `%C3%A9`.
pub(super) fn decoded(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

fn required(envelope: &mut Map<String, Value>, attribute: &'static str) -> Result<String, ItemError> {
    match envelope.remove(attribute) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(wrong(attribute, "a text that is not empty")),
        None => Err(ItemError::Missing(attribute)),
    }
}

fn wrong(field: &str, expected: &'static str) -> ItemError {
    let field = field.to_owned();
    ItemError::Field { field, expected }
}
