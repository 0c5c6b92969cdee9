//! What the service says of rows.

use std::collections::BTreeMap;

use serde_json::Value;

/// What the service says of each row of a request that it has taken.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The rows that are not stored, by place in the request.
    not_stored: BTreeMap<usize, (Reason, String)>,
}

/// Why a row is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It does not fit the table, and never will.
    Invalid,
    /// Another one of the request was invalid.
    Stopped,
    /// The service could not, this time.
    Other,
}

impl Answer {
    /// None if it is not an answer.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        body.as_object()?;
        let mut answer = Answer::default();
        for row in body.get("insertErrors").and_then(Value::as_array).into_iter().flatten() {
            let index = row.get("index").and_then(Value::as_u64).unwrap_or(0);
            let errors = row.get("errors").and_then(Value::as_array).into_iter().flatten();
            let said: Vec<_> = errors
                .map(|error| (text(error, "reason"), text(error, "message")))
                .collect();
            let has = |reason| said.iter().any(|(said, _)| *said == reason);
            let reason = match () {
                () if has("invalid") => Reason::Invalid,
                () if has("stopped") => Reason::Stopped,
                () => Reason::Other,
            };
            let message = said.first().map(|(reason, message)| format!("{reason}: {message}"));
            let why = (reason, message.unwrap_or_default());
            answer.not_stored.insert(usize::try_from(index).ok()?, why);
        }
        Some(answer)
    }

    /// Why a row is not stored; none if it is.
    pub(super) fn of(&self, place: usize) -> Option<(Reason, &str)> {
        self.not_stored
            .get(&place)
            .map(|(reason, message)| (*reason, message.as_str()))
    }
}

/// The message of an answer with an error status, or its beginning.
pub(super) fn message(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let message = parsed
        .as_ref()
        .and_then(|body| body.get("error")?.get("message")?.as_str());
    let message = message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    message.chars().take(300).collect()
}

fn text<'a>(error: &'a Value, name: &str) -> &'a str {
    error.get(name).and_then(Value::as_str).unwrap_or_default()
}
