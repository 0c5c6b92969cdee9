//! What fields are called: by their own names, by those of NGINX and of the Lua module, and by what is too near to them to be
//! a label. Whoever sends `bytes_outt` is not to be billed nothing.

mod meaning;
mod spelling;

use serde_json::{Map, Value};

use super::{ItemError, value};

/// A field, and what else it is called: as NGINX's variables are, and the payloads of the Lua module. Of several times the
/// first is the most exact.
const ALIASES: [(&str, &str); 14] = [
    ("request_id", "id"),
    ("remote_user", "key"),
    ("remote_addr", "client"),
    ("server_name", "service"),
    ("request_method", "method"),
    ("msec", "time"),
    ("timestamp", "time"),
    ("time_iso8601", "time"),
    ("time_local", "time"),
    ("bytes", "bytes_out"),
    ("bytes_sent", "bytes_out"),
    ("request_length", "bytes_in"),
    ("body_bytes_sent", "body_bytes"),
    ("request_time", "duration_seconds"),
];

/// The fields that say how much it was.
const AMOUNTS: [&str; 5] = ["calls", "bytes_in", "bytes_out", "body_bytes_in", "body_bytes"];

/// All fields.
const FIELDS: [&str; 19] = [
    "id",
    "source",
    "time",
    "key",
    "tenant",
    "service",
    "route",
    "client",
    "method",
    "status",
    "outcome",
    "calls",
    "bytes_in",
    "bytes_out",
    "body_bytes_in",
    "body_bytes",
    "duration_seconds",
    "sequence",
    "labels",
];

/// Which fields an object has, by their own names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said(u32);

impl Said {
    fn of(fields: &Map<String, Value>) -> Self {
        let bits = (0..).zip(FIELDS);
        Said(bits.fold(0, |said, (bit, field)| {
            said | (u32::from(fields.contains_key(field)) << bit)
        }))
    }

    fn has(self, field: &str) -> bool {
        let bit = FIELDS.iter().position(|known| *known == field);
        bit.is_some_and(|bit| (self.0 >> bit) & 1 == 1)
    }

    /// Whether it says how much it was.
    pub(super) fn has_amount(self) -> bool {
        AMOUNTS.into_iter().any(|field| self.has(field))
    }
}

/// Gives the fields their own names.
pub(super) fn settle(fields: &mut Map<String, Value>) -> Result<Said, ItemError> {
    let has_bodies_only = fields.contains_key("body_bytes_sent");
    for (alias, field) in ALIASES {
        let Some(value) = fields.get(alias) else { continue };
        match fields.get(field).filter(|known| !known.is_null()) {
            None => {
                let value = fields.remove(alias).unwrap_or_default();
                fields.insert(field.to_owned(), value);
            }
            Some(known) if says_the_same(field, known, value) => drop(fields.remove(alias)),
            // A label: who asked by NGINX's account beside whose key it was.
            Some(_) if is_text(field) => {}
            Some(_) => return Err(ItemError::Twice { alias, field }),
        }
    }
    // As in the format combined: what is sent is the body, as far as is known.
    if has_bodies_only && !fields.contains_key("bytes_out") {
        let bytes = fields.get("body_bytes").cloned().unwrap_or_default();
        fields.insert("bytes_out".to_owned(), bytes);
    }
    Ok(Said::of(fields))
}

fn is_text(field: &str) -> bool {
    matches!(field, "id" | "key" | "client" | "service" | "method")
}

fn says_the_same(field: &str, known: &Value, other: &Value) -> bool {
    const SECOND: u64 = 1_000_000_000;
    match field {
        _ if is_text(field) => false,
        _ if other.is_null() => true,
        "time" => value::time(known)
            .zip(value::time(other))
            .is_some_and(|(known, other)| known.nanos().abs_diff(other.nanos()) < SECOND),
        "duration_seconds" => value::duration_ns(known) == value::duration_ns(other),
        _ => value::amount(known) == value::amount(other),
    }
}

/// What a name that is no field's seems to mean, so that it is no label. What is under `labels` is not asked.
pub(super) fn meant(name: &str, value: &Value, said: Said) -> Option<&'static str> {
    let is_alias = ALIASES.iter().any(|(alias, _)| *alias == name);
    if is_alias || value.is_null() {
        return None;
    }
    let words = spelling::words(name);
    let by_spelling = spelling::near(&words.concat(), said);
    by_spelling.or_else(|| meaning::of(&words, value, said))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As the amounts and the others that follow in their order.
    #[expect(clippy::needless_pass_by_value, reason = "rows of a table")]
    fn check(object: Value, expected: Value) {
        let Value::Object(mut fields) = object.clone() else {
            panic!("{object}")
        };
        let read = match settle(&mut fields) {
            Ok(_) => Value::Object(fields),
            Err(error) => error.to_string().into(),
        };
        assert_eq!(read, expected, "{object}");
    }

    #[test]
    fn names_of_nginx_and_of_the_lua_module_are_known() {
        check(
            json!({"bytes": 500, "timestamp": 7}),
            json!({"bytes_out": 500, "time": 7}),
        );
        check(
            json!({"remote_user": "acme", "remote_addr": "192.0.2.7", "request_method": "GET", "bytes_sent": "9", "body_bytes_sent": "5",
                "request_length": "3", "request_time": "0.005", "msec": "1.5", "request_id": "7f", "server_name": "tiles"}),
            json!({"key": "acme", "client": "192.0.2.7", "method": "GET", "bytes_out": "9", "body_bytes": "5", "bytes_in": "3",
                "duration_seconds": "0.005", "time": "1.5", "id": "7f", "service": "tiles"}),
        );
        check(
            json!({"body_bytes_sent": 612}),
            json!({"body_bytes": 612, "bytes_out": 612}),
        );
        check(json!({"body_bytes": 612}), json!({"body_bytes": 612}));
    }

    #[test]
    fn what_is_said_twice_is_said_alike_or_refused() {
        check(json!({"bytes": 5, "bytes_out": "5"}), json!({"bytes_out": "5"}));
        check(json!({"bytes": 5, "bytes_sent": 5.0}), json!({"bytes_out": 5}));
        check(json!({"bytes_out": null, "bytes": 5}), json!({"bytes_out": 5}));
        check(
            json!({"bytes_out": 4, "bytes": 5}),
            json!("bytes and bytes_out say different things: leave one of them out"),
        );
        check(
            json!({"msec": "1700000000.9", "time_local": "14/Nov/2023:22:13:20 +0000"}),
            json!({"time": "1700000000.9"}),
        );
        check(
            json!({"time": 7, "timestamp": 9}),
            json!("timestamp and time say different things: leave one of them out"),
        );
        // Beside the field, what is no amount is a label as any other.
        check(
            json!({"key": "acme", "remote_user": "bob"}),
            json!({"key": "acme", "remote_user": "bob"}),
        );
    }

    #[test]
    fn what_is_near_to_a_field_is_no_label() {
        let check = |object: Value, name: &str, expected: Option<&str>| {
            let Value::Object(mut fields) = object else {
                panic!("{object}")
            };
            let said = settle(&mut fields).unwrap();
            let value = fields.get(name).unwrap();
            assert_eq!(meant(name, value, said), expected, "{name} {value}");
        };
        let bytes = Some("bytes_in, bytes_out, body_bytes_in or body_bytes");
        for (name, field) in [
            ("bytes_outt", "bytes_out"),
            ("byte_out", "bytes_out"),
            ("bytesOut", "bytes_out"),
            ("Bytes-Out", "bytes_out"),
            ("BYTES_IN", "bytes_in"),
            ("body_byts", "body_bytes"),
            ("call", "calls"),
            ("statsu", "status"),
            ("Status", "status"),
            ("tennant", "tenant"),
            ("keys", "key"),
            ("kye", "key"),
            ("Key", "key"),
            ("time ", "time"),
            ("tiem", "time"),
            ("duration_second", "duration_seconds"),
            ("bodyBytesSent", "body_bytes"),
            ("ID", "id"),
        ] {
            check(json!({"bytes_out": 1, name: 5}), name, Some(field));
            check(json!({"bytes_out": 1, name: "5"}), name, Some(field));
        }
        for name in [
            "size",
            "response_size",
            "DownstreamContentSize",
            "EdgeResponseBytes",
            "cache_bytes",
            "egress",
            "content-length",
            "sent",
            "total_kb",
            "bytesDownloaded",
        ] {
            check(json!({"bytes_out": 1, name: 5}), name, bytes);
            check(json!({"bytes_out": 1, name: "5"}), name, bytes);
        }
        check(json!({"status_code": 200}), "status_code", Some("status"));
        check(json!({"response_code": "200"}), "response_code", Some("status"));
        check(
            json!({"bytes_out": 1, "latency_ms": 7}),
            "latency_ms",
            Some("duration_seconds"),
        );
        check(
            json!({"bytes_out": 1, "request_count": 7}),
            "request_count",
            Some("calls"),
        );
        check(
            json!({"bytes_out": 1, "@timestamp": "2026-11-30"}),
            "@timestamp",
            Some("time"),
        );
        check(json!({"bytes_out": 1, "api_key": "acme"}), "api_key", Some("key"));
        check(json!({"bytes_out": 1, "tenantId": "acme"}), "tenantId", Some("tenant"));
        // An event that says no amount, and has a number.
        check(
            json!({"foo": 500}),
            "foo",
            Some("bytes_in, bytes_out, body_bytes_in, body_bytes or calls"),
        );
        for label in [
            json!({"zoom": 11}),
            json!({"type": "hit"}),
            json!({"size": "large"}),
            json!({"tile_size": 256}),
            json!({"retry_count": 3}),
            json!({"customer": "acme"}),
            json!({"payment_method": "card"}),
            json!({"cache_key": "a"}),
            json!({"upstream_response_time": "0.1"}),
            json!({"upstream_bytes_received": "5"}),
            json!({"az": true}),
            json!({"zone": "eu"}),
            json!({"user": "acme"}),
            json!({"http_user_agent": "curl"}),
            json!({"request": "GET / HTTP/1.1"}),
            json!({"uri": "/"}),
            json!({"code": "blue"}),
        ] {
            let (name, value) = label.as_object().and_then(|label| label.iter().next()).unwrap();
            check(json!({"bytes_out": 1, name: value}), name, None);
        }
        check(
            json!({"status": 200, "status_code": 7, "bytes_out": 1}),
            "status_code",
            None,
        );
    }
}
