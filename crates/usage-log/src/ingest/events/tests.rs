//! Bodies of all forms, and what they are read as.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    amounts::Amounts,
    id::{ForeignId, Timing},
    labels::Labels,
    record::{Dimensions, Outcome, Record},
};

const NOW: Time = Time::from_seconds(1_700_000_000);

fn limits() -> Limits {
    Limits {
        events_max: 3,
        id_bytes_max: 8,
        text_bytes_max: 16,
        labels_max: 2,
        label_name_bytes_max: 4,
    }
}

fn origin() -> Origin {
    Origin {
        scope: "edge".into(),
        source: "posted".into(),
        service: "tiles".into(),
        ..Origin::default()
    }
}

/// Events as `id source key status bytes_out time labels`, errors as they are told.
fn check_as(content_type: Option<&str>, body: &str, expected: &str) {
    let said = match parse(body.as_bytes(), content_type, &origin(), &limits(), NOW) {
        Ok(events) => events.iter().map(describe).collect::<Vec<_>>().join("; "),
        Err(EventsError::Events(bad)) => bad.iter().map(BadEvent::to_string).collect::<Vec<_>>().join("; "),
        Err(error) => error.to_string(),
    };
    let is_so = match expected.strip_suffix('…') {
        Some(beginning) => said.starts_with(beginning),
        None => said == expected,
    };
    assert!(is_so, "{body}: {said}");
}

fn check(body: &str, expected: &str) {
    check_as(None, body, expected);
}

fn describe(event: &Event) -> String {
    let dimensions = &event.record.dimensions;
    let time = match event.timing {
        Timing::Given => (event.record.ended_at.seconds() - NOW.seconds()).to_string(),
        Timing::Arrival => "now".to_owned(),
    };
    let labels: String = dimensions
        .labels
        .iter()
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    let ForeignId { source, id, .. } = &event.id;
    let (key, status, bytes_out) = (&dimensions.key, dimensions.status, event.record.amounts.bytes_out);
    format!("{id} {source} {key} {status} {bytes_out} {time}{labels}")
}

#[test]
fn arrays_and_objects_are_read() {
    check("", "");
    check(" [] ", "");
    check(r#"[{"id":"a"}, {"id":7}]"#, "a posted  0 0 now; 7 posted  0 0 now");
    check(
        "{\"id\":\"a\"}\r\n\n{\"id\":\"b\"}{\"id\":\"c\"}",
        "a posted  0 0 now; b posted  0 0 now; c posted  0 0 now",
    );
    check("{\n \"id\": \"a\"\n}", "a posted  0 0 now");
    check(
        r#"{"id":"a","source":"x","key":"acme","status":"200","bytes_out":5,"time":1700000007,"az":true,"labels":{"b":1}}"#,
        "a x acme 200 5 7 az=true b=1",
    );
    check(r#"{"id":"a","time":null,"key":null,"x":null}"#, "a posted  0 0 now");
}

#[test]
fn every_bad_event_is_told() {
    check("[{\"id\":\"a\"},{},3]", "1: id is missing; 2: an object is expected");
    check("{\"id\":\"a\"\n{\"id\":\"b\"}\n{}", "0: not JSON: …");
    check(
        "nonsense\n{}",
        "0: not JSON: expected ident at line 1 column 2; 1: id is missing",
    );
    check(r#"{"id":""}"#, "0: id is missing");
    check(r#"{"id":"a","status":1000}"#, "0: status must be from 0 to 999");
    check(r#"{"id":"a","bytes_in":-1}"#, "0: bytes_in must be a whole number …");
    check(r#"{"id":"a","time":"noon"}"#, "0: time must be RFC 3339, …");
    check(r#"{"id":"a","outcome":"fine"}"#, "0: outcome must be one of …");
    check(r#"{"id":"a","x":{}}"#, "0: x must be a text, a number or a truth value");
    check(r#"{"id":"a","labels":[]}"#, "0: labels must be an object");
}

#[test]
fn amounts_that_are_not_understood_are_never_zero() {
    check(
        r#"[{"id":"1","key":"acme","status":200,"bytes":500,"timestamp":1700000007}]"#,
        "1 posted acme 200 500 7",
    );
    check(r#"{"id":"1","bytes_out":100.0}"#, "1 posted  0 100 now");
    let label = r#"; if it is to be a label, put it under "labels""#;
    let misnamed = |name: &str, meant: &str| format!("0: {name:?} is not a field that is known: say {meant}{label}");
    check(
        r#"{"id":"9","tenant":"acme","bytes_outt":5}"#,
        &misnamed("bytes_outt", "bytes_out"),
    );
    check(r#"{"id":"9","bytesOut":"5"}"#, &misnamed("bytesOut", "bytes_out"));
    check(
        r#"{"id":"9","sent_by_us":5}"#,
        &misnamed("sent_by_us", "bytes_in, bytes_out, body_bytes_in, body_bytes or calls"),
    );
    check(
        r#"{"id":"9","bytes":5,"bytes_out":6}"#,
        "0: bytes and bytes_out say different things: leave one of them out",
    );
    check(r#"{"id":"9","bytes_out":5,"zoom":11}"#, "9 posted  0 5 now zoom=11");
    check(r#"{"id":"9","labels":{"size":7}}"#, "9 posted  0 0 now size=7");
    check(
        r#"{"id":"9","specversion":"1.0","source":"s","type":"t"}"#,
        "0: this is a CloudEvent: send it as application/cloudevents+json, or its attributes as ce- header fields",
    );
    check("\u{feff}{\"id\":\"9\"}", "9 posted  0 0 now");
}

#[test]
fn the_sender_is_the_source_and_no_service_is_claimed() {
    let origin = Origin {
        sender: "gateway".into(),
        reserved_service: "hub".into(),
        ..origin()
    };
    let check = |body: &str, expected: &str| {
        let said = match parse(body.as_bytes(), None, &origin, &Limits::default(), NOW) {
            Ok(events) => {
                let dimensions = &events[0].record.dimensions;
                format!(
                    "{} {} {:?}",
                    events[0].id.source,
                    dimensions.source,
                    dimensions.labels.get("source")
                )
            }
            Err(error) => error.to_string(),
        };
        assert!(said.ends_with(expected), "{body}: {said}");
    };
    check(r#"{"id":"1"}"#, "posted gateway None");
    check(r#"{"id":"1","source":"lua"}"#, "lua gateway Some(\"lua\")");
    check(
        r#"{"id":"1","labels":{"source":"lua"}}"#,
        "posted gateway Some(\"lua\")",
    );
    check(r#"{"id":"1","service":"hubs"}"#, "posted gateway None");
    let reserved = "is this hub's own, whose requests are counted by itself: say another one";
    check(r#"{"id":"1","service":"hub"}"#, reserved);
    check(r#"{"id":"1","service":" Hub "}"#, reserved);
    check(r#"{"id":"1","server_name":"hub"}"#, reserved);
}

#[test]
fn cloud_events_are_read_from_header_fields() {
    let check = |attributes: &[(&str, &str)], body: &str, expected: &str| {
        let required = [
            ("specversion", "1.0"),
            ("id", "a"),
            ("source", "/edge"),
            ("Type", "hit"),
        ];
        let all = required.iter().chain(attributes).copied();
        let said = match parse_cloud_event(all, body.as_bytes(), &origin(), &limits(), NOW) {
            Ok(events) => events.iter().map(describe).collect::<Vec<_>>().join("; "),
            Err(EventsError::Events(bad)) => bad.iter().map(BadEvent::to_string).collect(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said, expected, "{attributes:?} {body}");
    };
    check(
        &[("subject", "acme")],
        r#"{"bytes_out":4}"#,
        "a /edge acme 0 4 now type=hit",
    );
    check(
        &[("subject", "caf%C3%A9"), ("time", "2023-11-14T22:13:27Z")],
        "",
        "a /edge café 0 0 7 type=hit",
    );
    check(&[("specversion", "0.3")], "{}", "0: specversion must be 1.0");
    check(&[("id", "")], "{}", "0: id must be a text that is not empty");
    check(&[], "[]", "0: data must be a JSON object");
    check(&[], "x", "0: not JSON: expected value at line 1 column 1");
}

#[test]
fn a_broken_array_is_told_where_it_breaks() {
    check("[{\"id\":\"a\"},", "event 1: EOF …");
    check("[{\"id\":\"a\"}] x", "event 1: trailing characters …");
}

#[test]
fn limits_are_told_by_name() {
    check("{}{}{}{}", "more than 3 events in one request (events_max)");
    check("[1,2,3,4,5", "more than 3 events in one request (events_max)");
    check(r#"{"id":"123456789"}"#, "0: id is longer than 8 bytes (id_bytes_max)");
    check(
        r#"{"id":"a","key":"12345678901234567"}"#,
        "0: key is longer than 16 bytes (text_bytes_max)",
    );
    check(
        r#"{"id":"a","x":"1","y":"2","labels":{"z":3}}"#,
        "0: more than 2 labels (labels_max)",
    );
    check(
        r#"{"id":"a","abcde":"1"}"#,
        "0: the name of a label is longer than 4 bytes (label_name_bytes_max)",
    );
}

#[test]
fn cloud_events_are_unwrapped() {
    let check =
        |body: &str, expected: &str| check_as(Some("application/cloudevents+json; charset=utf-8"), body, expected);
    let event = r#"{"specversion":"1.0","id":"a","source":"/edge","type":"hit","subject":"acme","time":"2023-11-14T22:13:27Z",
        "traceparent":"00-1","data":{"status":200,"bytes_out":5}}"#;
    check(event, "a /edge acme 200 5 7 type=hit");
    check_as(
        Some("Application/CloudEvents-Batch+JSON"),
        &format!("[{event}]"),
        "a /edge acme 200 5 7 type=hit",
    );
    check(
        r#"{"specversion":"1.0","id":"a","source":"s","type":"hit","subject":"x","data":{"key":"k","type":"t"}}"#,
        "a s k 0 0 now type=t",
    );
    check(
        r#"{"specversion":"0.3","id":"a","source":"s","type":"hit"}"#,
        "0: specversion must be 1.0",
    );
    check(r#"{"specversion":"1.0","id":"a","type":"hit"}"#, "0: source is missing");
    check(
        r#"{"specversion":"1.0","id":"a","source":"","type":"hit"}"#,
        "0: source must be a text that is not empty",
    );
    check(
        r#"{"specversion":"1.0","id":"a","source":"s","type":"hit","data":3}"#,
        "0: data must be a JSON object",
    );
    check(
        r#"{"specversion":"1.0","id":"a","source":"s","type":"hit","data_base64":"AA=="}"#,
        "0: data must be a JSON object, not data_base64",
    );
    check(
        r#"{"specversion":"1.0","id":"a","source":"s","type":"hit","data":{"id":"b"}}"#,
        "0: data must be without id and source: …",
    );
}

#[test]
fn other_types_are_refused() {
    check_as(Some("text/xml"), "", "events come as application/json, …");
    check_as(Some("application/x-ndjson"), "{\"id\":1}", "1 posted  0 0 now");
}

fn event_as_json(event: &Event) -> Value {
    let Record {
        ended_at,
        dimensions,
        amounts,
    } = &event.record;
    let labels: Map<_, _> = dimensions
        .labels
        .iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let nanos = amounts.duration_ns;
    json!({
        "id": *event.id.id, "source": *event.id.source, "time": ended_at.to_string(), "key": *dimensions.key,
        "tenant": *dimensions.tenant, "service": *dimensions.service, "route": *dimensions.route,
        "client": *dimensions.client, "method": *dimensions.method, "status": dimensions.status,
        "outcome": dimensions.outcome.name(), "calls": amounts.calls, "bytes_in": amounts.bytes_in,
        "bytes_out": amounts.bytes_out, "body_bytes_in": amounts.body_bytes_in, "body_bytes": amounts.body_bytes,
        "duration_seconds": format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000), "labels": labels,
    })
}

prop_compose! {
    fn any_event()(
        texts in prop::array::uniform9("\\PC{1,8}"), nanos in 0..i64::MAX / 2, status in 0..1000_u16,
        outcome in prop::sample::select(Outcome::ALL.to_vec()), amounts in prop::array::uniform6(0..=Amounts::MAX),
        labels in prop::collection::btree_map("\\PC{1,8}", "\\PC{1,8}", 0..4),
    ) -> Event {
        let [id, source, key, tenant, service, route, client, method, _] = texts.map(Arc::<str>::from);
        let [calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns] = amounts;
        let labels = Labels::new(labels);
        let dimensions = Dimensions { key, tenant, service, route, client, method, status, outcome, source: source.clone(), labels };
        let amounts = Amounts { calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns };
        let record = Record { ended_at: Time::from_nanos(nanos), dimensions, amounts };
        Event { id: ForeignId { scope: "edge".into(), source, id }, record, timing: Timing::Given }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(events in prop::collection::vec(any_event(), 0..5)) {
        let values: Vec<_> = events.iter().map(event_as_json).collect();
        let lines = values.iter().map(|value| format!("{value}\n")).collect::<String>();
        for body in [lines, json!(values).to_string()] {
            let read = parse(body.as_bytes(), None, &origin(), &Limits::default(), NOW);
            prop_assert_eq!(read.as_ref(), Ok(&events));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for content_type in [None, Some("application/cloudevents+json")] {
            drop(parse(&body, content_type, &origin(), &limits(), NOW));
        }
    }

    #[test]
    fn anything_like_events_is_read_or_refused(body in "[\\[\\]{}\",:0-9a\n ]{0,60}") {
        drop(parse(body.as_bytes(), None, &origin(), &limits(), NOW));
    }
}
