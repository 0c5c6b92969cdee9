//! The format `combined`.

use nexus_calendar::Time;
use serde_json::{Map, Value};

use crate::ingest::{Item, ItemError, Limits, Origin};

/// As `14/Nov/2023:22:13:20 +0000`.
const TIME: &str = "%d/%b/%Y:%H:%M:%S %z";

/// Reads `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent …`.
pub(super) fn parse(line: &str, origin: &Origin, limits: &Limits) -> Result<Item, ItemError> {
    let (fields, time) = fields(line).ok_or(ItemError::NotCombined)?;
    let mut item = Item::read(fields, origin, limits, time)?;
    item.timing = crate::Timing::Given;
    Ok(item)
}

fn fields(line: &str) -> Option<(Map<String, Value>, Time)> {
    let (client, rest) = line.split_once(" - ")?;
    // A user may have blanks and brackets in it, but a quote is always escaped.
    let (user_and_time, rest) = rest.split_once("] \"")?;
    let (user, time) = user_and_time.rsplit_once(" [")?;
    let (request, rest) = rest.split_once('"')?;
    let mut numbers = rest.split_ascii_whitespace();
    let mut number = || {
        numbers
            .next()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (status, bytes) = (number()?, number()?);
    let time = jiff::fmt::strtime::parse(TIME, time).ok()?.to_timestamp().ok()?;
    let fields = [
        ("client", client),
        ("key", if user == "-" { "" } else { user }),
        ("method", method(request)),
        ("status", status),
        ("bytes_out", bytes),
        ("body_bytes", bytes),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), Value::String(value.to_owned())));
    Some((fields.into_iter().collect(), Time::from_seconds(time.as_second())))
}

/// None of what is no HTTP at all.
fn method(request: &str) -> &str {
    let method = request.split(' ').next().unwrap_or_default();
    if method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        method
    } else {
        ""
    }
}
