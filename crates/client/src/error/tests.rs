//! What an answer of the hub becomes as an error.

use std::io;

use super::*;

#[test]
fn refusals_say_what_the_hub_said() {
    let check = |status: u16, body: &str, expected: &str, has_problem: bool| {
        let error = Error::refused(StatusCode::from_u16(status).unwrap(), None, body.as_bytes());
        assert_eq!(error.to_string(), expected);
        assert_eq!((error.status(), error.problem().is_some()), (Some(status), has_problem));
    };
    check(
        404,
        r#"{"type":"urn:x","title":"Not Found","detail":"there is no metric m"}"#,
        "there is no metric m (404 Not Found)",
        true,
    );
    check(409, r#"{"type":"urn:x"}"#, "409 Conflict", true);
    check(502, "\n <html>\n<body>", "<html> (502 Bad Gateway)", false);
    check(503, "", "503 Service Unavailable", false);
    check(302, "moved", "moved (302 Found)", false);
    let long = Error::refused(StatusCode::BAD_GATEWAY, None, &[b'x'; 10_000]);
    assert!(long.to_string().len() < 300);
}

#[test]
fn each_question_has_its_status() {
    let answers = |status: u16| {
        let error = Error::refused(StatusCode::from_u16(status).unwrap(), None, b"");
        assert!(!error.is_timeout() && !error.is_connect() && !error.is_untrusted());
        [
            error.is_unauthorized(),
            error.is_forbidden(),
            error.is_not_found(),
            error.is_conflict(),
        ]
    };
    assert_eq!(answers(401), [true, false, false, false]);
    assert_eq!(answers(403), [false, true, false, false]);
    assert_eq!(answers(404), [false, false, true, false]);
    assert_eq!(answers(409), [false, false, false, true]);
    assert_eq!(answers(500), [false; 4]);
    let seconds = Some(Duration::from_secs(3));
    let error = Error::refused(StatusCode::SERVICE_UNAVAILABLE, seconds, b"");
    assert_eq!(error.retry_after(), seconds);
}

#[test]
fn errors_keep_their_cause_and_cross_threads() {
    fn crosses<T: Send + Sync + 'static>(_: &T) {}
    let error = Error::invalid_because("cannot read x", io::Error::other("gone"));
    crosses(&error);
    assert_eq!(error.to_string(), "cannot read x: gone");
    assert_eq!(error.source().unwrap().to_string(), "gone");
    assert_eq!((error.status(), error.retry_after()), (None, None));
}
