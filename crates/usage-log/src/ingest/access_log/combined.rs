//! The format `combined`, also as Apache writes it: with `-` for no bytes, a quote as `\"`, and a virtual host in front.

use std::net::IpAddr;

use nexus_calendar::Time;
use serde_json::{Map, Value};

use super::escapes;
use crate::ingest::{Item, ItemError, Limits, Origin, value};

/// Reads `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent …`.
pub(super) fn parse(line: &str, origin: &Origin, limits: &Limits) -> Result<Item, ItemError> {
    let (fields, time) = fields(line).ok_or(ItemError::NotCombined)?;
    let mut item = Item::read(fields, origin, limits, time)?;
    item.timing = crate::Timing::Given;
    Ok(item)
}

fn fields(line: &str) -> Option<(Map<String, Value>, Time)> {
    // A user may have blanks and brackets in it, but a quote is always escaped.
    let (who_and_time, rest) = line.split_once("] \"")?;
    let (who, time) = who_and_time.rsplit_once(" [")?;
    let (request, rest) = escapes::quoted(rest)?;
    let mut numbers = rest.split_ascii_whitespace();
    let (status, bytes) = (digits(numbers.next()?)?, numbers.next()?);
    let bytes = if bytes == "-" { "0" } else { digits(bytes)? };
    let (service, who) = virtual_host(who);
    let (client, who) = who.split_once(' ')?;
    let (_identity, user) = who.split_once(' ')?;
    let time = value::local(time)?;
    let fields = [
        ("service", service.to_owned()),
        ("client", client.to_owned()),
        ("key", user_of(user)),
        ("method", method(request).to_owned()),
        ("status", status.to_owned()),
        ("bytes_out", bytes.to_owned()),
        ("body_bytes", bytes.to_owned()),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), Value::String(value)));
    Some((fields.into_iter().collect(), time))
}

fn digits(text: &str) -> Option<&str> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)
}

/// Apache's `vhost_combined` begins with `example.org:443`.
fn virtual_host(who: &str) -> (&str, &str) {
    let found = who.split_once(' ').and_then(|(host, rest)| {
        let (name, port) = host.rsplit_once(':')?;
        let (client, _) = rest.split_once(' ')?;
        let is_one = port.parse::<u16>().is_ok() && host.parse::<IpAddr>().is_err() && client.parse::<IpAddr>().is_ok();
        is_one.then_some((name, rest))
    });
    found.unwrap_or(("", who))
}

/// `-` is nobody, and so is what Apache writes of an empty name.
fn user_of(user: &str) -> String {
    match user {
        "-" | "\"\"" => String::new(),
        user => escapes::decoded(user),
    }
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
