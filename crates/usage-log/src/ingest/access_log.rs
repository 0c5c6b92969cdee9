//! The lines of an access log.
//!
//! This is the format to give to NGINX, in its `http` block. Further variables become labels:
//!
//! ```nginx
//! log_format metric_nexus escape=json
//!     '{"id":"$request_id","time":"$msec","key":"$remote_user","service":"$server_name",'
//!     '"method":"$request_method","status":"$status","bytes_in":"$request_length",'
//!     '"bytes_out":"$bytes_sent","body_bytes":"$body_bytes_sent",'
//!     '"duration_seconds":"$request_time","sequence":"$connection:$connection_requests"}';
//! ```
//!
//! Any other object is read by the names of NGINX's variables, see [`ingest`](super), with `escape=json` or without. One that says no
//! amount, or a name that is nearly that of a field, is malformed: it is not billed as nothing.
//!
//! NGINX's own `combined` is read too, and Apache's. It has no id, no bytes but those of bodies, and whole seconds only; `bytes_out` is
//! then that of the body.

mod combined;
mod escapes;

use nexus_calendar::Time;
use serde_json::Value;

use super::{BYTE_ORDER_MARK, Item, ItemError, Limits, Origin};

/// Reads a line, without its end: of our format if it begins with `{`, else of `combined`. Bytes that are not UTF-8, which
/// NGINX copies from requests as they are, are replaced.
///
/// ```
/// use nexus_usage_log::{Time, ingest::{Limits, Origin, access_log}};
///
/// let line = br#"192.0.2.7 - acme [14/Nov/2023:22:13:20 +0000] "GET /11/3 HTTP/1.1" 200 1000 "-" "curl""#;
/// let item = access_log::parse(line, &Origin::default(), &Limits::default(), Time::now())?;
/// assert_eq!(&*item.record.dimensions.key, "acme");
/// assert_eq!(item.record.amounts.bytes_out, 1000);
/// # Ok::<(), nexus_usage_log::ingest::ItemError>(())
/// ```
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &[u8], origin: &Origin, limits: &Limits, arrived_at: Time) -> Result<Item, ItemError> {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii();
    if !line.starts_with(b"{") {
        return combined::parse(&String::from_utf8_lossy(line), origin, limits);
    }
    let json = escapes::as_json(line);
    let json = String::from_utf8_lossy(&json);
    match serde_json::from_str(&json).map_err(|error| ItemError::Json(error.to_string()))? {
        Value::Object(fields) => Item::read_line(fields, origin, limits, arrived_at),
        _ => Err(ItemError::NotAnObject),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Timing;

    fn check(line: &[u8], expected: &str) {
        let origin = Origin {
            scope: "edge".into(),
            source: "nginx".into(),
            ..Origin::default()
        };
        let said = match parse(line, &origin, &Limits::default(), Time::from_seconds(7)) {
            Ok(item) => {
                let (dimensions, amounts) = (&item.record.dimensions, &item.record.amounts);
                assert_eq!(item.timing, Timing::Given);
                format!(
                    "{} {}|{}|{}|{} {} {} at {}",
                    item.id.as_deref().unwrap_or("-"),
                    dimensions.key,
                    dimensions.client,
                    dimensions.method,
                    dimensions.status,
                    amounts.bytes_out,
                    amounts.body_bytes,
                    item.record.ended_at.nanos() / 1_000_000,
                )
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(said, expected, "{}", line.escape_ascii());
    }

    #[test]
    fn our_format_is_read() {
        check(
            br#"{"id":"7f","time":"1700000000.123","key":"acme","service":"","method":"GET","status":"200","bytes_in":"80","bytes_out":"1244","body_bytes":"1000","duration_seconds":"0.003","sequence":"9:1"}"#,
            "7f acme||GET|200 1244 1000 at 1700000000123",
        );
        check(
            b"{\"id\":\"7f\",\"time\":\"1700000000.123\",\"key\":\"\xff\",\"status\":\"000\",\"bytes_out\":0}",
            "7f \u{fffd}|||0 0 0 at 1700000000123",
        );
        check(b"{\"id\"", "not JSON: EOF while parsing an object at line 1 column 5");
    }

    #[test]
    fn other_objects_are_read_by_the_names_of_nginx_or_refused() {
        check(
            br#"{"remote_user":"acme","request_method":"GET","status":"200","body_bytes_sent":"612","request_time":"0.005","msec":"1700000000.1"}"#,
            "- acme||GET|200 612 612 at 1700000000100",
        );
        check(
            br#"{"time_local":"14/Nov/2023:23:13:20 +0100","remote_addr":"192.0.2.7","remote_user":"-","status":"304","bytes_sent":"180","body_bytes_sent":"-"}"#,
            "- |192.0.2.7||304 180 0 at 1700000000000",
        );
        let no_amount = "no line of an access log: none of bytes_in, bytes_out, body_bytes_in, body_bytes, calls";
        check(b"{}", no_amount);
        check(br#"{"level":"info","msg":"ready"}"#, no_amount);
        check(br#"{"id":"7f","status":"200"}"#, no_amount);
        let size = r#""size" is not a field that is known: say bytes_in, bytes_out, body_bytes_in or body_bytes; if it is to be a label, put it under "labels""#;
        check(br#"{"status":200,"size":"512"}"#, size);
    }

    #[test]
    fn lines_without_escape_json_are_read() {
        check(
            br#"{"time":"1700000000","key":"\xC3\xA9\x22","bytes_out":"5"}"#,
            "- é\"|||0 5 0 at 1700000000000",
        );
        check(
            b"\xef\xbb\xbf {\"time\":\"1700000000\",\"key\":\"\\\\x41\",\"bytes_out\":\"-\"}\r",
            "- \\x41|||0 0 0 at 1700000000000",
        );
    }

    #[test]
    fn what_apache_writes_is_read() {
        let at = "[14/Nov/2023:23:13:20 +0100]";
        let check = |before: &str, after: &str, expected: &str| {
            let expected = format!("- {expected} at 1700000000000");
            check(format!("{before} {at} {after}").as_bytes(), &expected);
        };
        let get = "\"GET / HTTP/1.1\"";
        check(
            "192.0.2.7 - -",
            &format!("{get} 304 - \"-\" \"x\""),
            "|192.0.2.7|GET|304 0 0",
        );
        check("192.0.2.7 - -", &format!("{get} 200 5"), "|192.0.2.7|GET|200 5 5");
        check(
            "192.0.2.7 - -",
            "\"GET /a\\\"b HTTP/1.1\" 200 5",
            "|192.0.2.7|GET|200 5 5",
        );
        check("192.0.2.7 - -", "\"-\" 408 -", "|192.0.2.7||408 0 0");
        check(
            "192.0.2.7 identd acme",
            &format!("{get} 200 5"),
            "acme|192.0.2.7|GET|200 5 5",
        );
        check(
            "2001:db8::7 - \\xc3\\xa9",
            &format!("{get} 200 5"),
            "é|2001:db8::7|GET|200 5 5",
        );
        check("192.0.2.7 - \"\"", &format!("{get} 200 5"), "|192.0.2.7|GET|200 5 5");
        check(
            "example.org:443 192.0.2.7 - acme",
            &format!("{get} 200 5"),
            "acme|192.0.2.7|GET|200 5 5",
        );
    }

    #[test]
    fn the_combined_format_is_read() {
        let check_combined = |user: &str, request: &str, rest: &str, expected: &str| {
            let line = format!("192.0.2.7 - {user} [14/Nov/2023:23:13:20 +0100] \"{request}\" {rest}");
            check(line.as_bytes(), expected);
        };
        let rest = "206 1000 \"-\" \"curl/8\"";
        check_combined(
            "-",
            "GET /a HTTP/1.1",
            rest,
            "- |192.0.2.7|GET|206 1000 1000 at 1700000000000",
        );
        check_combined(
            "a [b",
            "HEAD /a HTTP/1.1",
            rest,
            "- a [b|192.0.2.7|HEAD|206 1000 1000 at 1700000000000",
        );
        check_combined("u", "\\x16\\x03 x", "400 0", "- u|192.0.2.7||400 0 0 at 1700000000000");
        check_combined("u", "", "400 0", "- u|192.0.2.7||400 0 0 at 1700000000000");
        let not = "neither a JSON object nor a line of the combined format";
        check_combined("u", "GET / HTTP/1.1", "ok 0", not);
        check_combined("u", "GET / HTTP/1.1", "200 x", not);
        for line in [
            "",
            "x",
            " - ",
            "a - b [] \"GET",
            "a - b [99/Nov/2023:22:13:20 +0000] \"GET / HTTP/1.1\" 200 1",
        ] {
            check(line.as_bytes(), not);
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&line, &Origin::default(), &Limits::default(), Time::from_seconds(7)));
        }

        #[test]
        fn anything_like_a_line_is_read_or_refused(line in "[a\\]\\[\" \\-é{}:/0-9]{0,80}") {
            drop(parse(line.as_bytes(), &Origin::default(), &Limits::default(), Time::from_seconds(7)));
        }
    }
}
