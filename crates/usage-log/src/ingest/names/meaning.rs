//! Names whose words say that they are an amount, or what another field is for.

use serde_json::Value;

use super::Said;

/// Words that speak of bytes beside any others.
const BYTES: &[&str] = &[
    "byte", "bytes", "octet", "octets", "egress", "ingress", "kb", "mb", "gb", "kib", "mib", "gib", "bits",
];
/// Words that speak of bytes beside [`QUALIFIERS`] alone: the size of a tile is a label.
const SIZES: &[&str] = &[
    "size",
    "length",
    "len",
    "sent",
    "received",
    "recv",
    "traffic",
    "transfer",
    "transferred",
    "payload",
    "volume",
    "rx",
    "tx",
    "upload",
    "uploaded",
    "download",
    "downloaded",
];
const QUALIFIERS: &[&str] = &[
    "body",
    "request",
    "requests",
    "req",
    "response",
    "responses",
    "resp",
    "content",
    "http",
    "api",
    "total",
    "data",
    "net",
    "network",
    "in",
    "out",
    "up",
    "down",
    "read",
    "written",
    "edge",
    "downstream",
    "client",
    "server",
    "origin",
    "to",
    "from",
    "number",
    "num",
    "of",
    "count",
    "amount",
];
const DURATIONS: &[&str] = &["duration", "latency", "elapsed", "took", "millis", "milliseconds"];
const TAKEN: &[&str] = &[
    "time",
    "taken",
    "processing",
    "response",
    "resp",
    "total",
    "ms",
    "seconds",
];
const TIMES: &[&str] = &[
    "time",
    "timestamp",
    "ts",
    "date",
    "datetime",
    "epoch",
    "at",
    "utc",
    "start",
    "end",
    "ended",
    "unix",
    "ms",
];
const CALLS: &[&str] = &[
    "call", "calls", "request", "requests", "hit", "hits", "count", "num", "number", "total", "quantity", "qty", "of",
    "api",
];
const CODES: &[&str] = &["status", "code", "statuscode", "http", "response", "resp", "return"];
/// What stands beside the word of a field that is a text.
const BESIDE: &[&str] = &[
    "http", "request", "req", "api", "name", "id", "ip", "addr", "address", "remote",
];
const TEXTS: [&str; 7] = ["key", "tenant", "service", "route", "client", "method", "outcome"];

/// The fields that are meant. Only what a field's value could be is taken for one, and only where the event does not say that
/// field itself; bytes always are, for they are billed.
pub(super) fn of(words: &[String], value: &Value, said: Said) -> Option<&'static str> {
    // NGINX tells by these what passed between it and the service behind.
    if words.first().is_some_and(|word| word == "upstream") {
        return None;
    }
    let any = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    let all = |known: &[&str], more: &[&str]| {
        let is_known = |word: &str| known.contains(&word) || more.contains(&word);
        words.iter().all(|word| is_known(word))
    };
    let is_number = is_like_a_number(value);
    if is_number && (any(BYTES) || any(SIZES) && all(SIZES, QUALIFIERS)) {
        return Some("bytes_in, bytes_out, body_bytes_in or body_bytes");
    }
    if is_number && !said.has("status") && any(&["status", "code", "statuscode"]) && all(CODES, &[]) {
        return Some("status");
    }
    if is_number && !said.has("calls") && all(CALLS, &[]) && !all(&["of", "api", "number", "num"], &[]) {
        return Some("calls");
    }
    let takes_time =
        any(DURATIONS) || any(&["time"]) && any(&["taken", "processing", "response", "resp"]) && all(TAKEN, &[]);
    if is_number && !said.has("duration_seconds") && takes_time {
        return Some("duration_seconds");
    }
    if !said.has("time") && any(&["time", "timestamp", "ts", "date", "datetime", "epoch", "ended"]) && all(TIMES, &[]) {
        return Some("time");
    }
    let text = TEXTS
        .into_iter()
        .find(|field| !said.has(field) && any(&[field]) && all(&[field], BESIDE));
    text.or_else(|| nameless(value, said))
}

/// A number in an event that says no amount.
fn nameless(value: &Value, said: Said) -> Option<&'static str> {
    let is_amount = value.is_number() && !said.has_amount() && !said.has("duration_seconds");
    is_amount.then_some("bytes_in, bytes_out, body_bytes_in, body_bytes or calls")
}

/// A number, or a text that begins as one: `500`, `-1`, `1.2 kB`.
fn is_like_a_number(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::String(text) => text
            .trim_start()
            .trim_start_matches(['+', '-'])
            .starts_with(|c: char| c.is_ascii_digit()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}
