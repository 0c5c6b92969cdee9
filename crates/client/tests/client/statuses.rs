//! What the client does at each status of HTTP.

use std::time::Duration;

use nexus_client::{Batch, Error};

use crate::answers::{Answers, answer};

const DONE: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const PROBLEM: &str = "content-type: application/problem+json\r\n";

fn problem(status: &str, headers: &str, slug: &str) -> String {
    let body = format!(r#"{{"type":"urn:metric-nexus:problem:{slug}","title":"","detail":"because"}}"#);
    answer(status, &format!("{PROBLEM}{headers}"), &body)
}

#[tokio::test]
async fn a_pause_is_made_and_the_key_stays_the_same() {
    let unavailable = "503 Service Unavailable";
    for pauses in [
        [
            problem(unavailable, "retry-after: 0\r\n", "queue-full"),
            problem(unavailable, "retry-after: 1\r\n", "read-only"),
            problem(unavailable, "", "outcome-unknown"),
        ],
        [
            answer("429 Too Many Requests", "retry-after: 0\r\n", ""),
            answer("408 Request Timeout", "retry-after: 0\r\n", "<html>"),
            answer("504 Gateway Timeout", "", ""),
        ],
    ] {
        let answers: Vec<&str> = pauses.iter().map(String::as_str).chain([DONE]).collect();
        let hub = Answers::new(&answers).await;
        hub.builder().build().unwrap().increment("m").await.unwrap();
        let keys = hub.keys();
        assert_eq!(keys.len(), 4);
        assert!(keys[0].is_some());
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }
}

#[tokio::test]
async fn every_call_has_another_key_and_reading_has_none() {
    let hub = Answers::new(&[&answer("200 OK", "", "1")]).await;
    let client = hub.builder().build().unwrap();
    client.create("m", "").await.unwrap();
    client.update("m", 1).await.unwrap();
    client.add("m", 1).await.unwrap();
    client.add("m", 1).await.unwrap();
    client.delete("m").await.unwrap();
    let mut keys: Vec<_> = hub.keys().into_iter().map(Option::unwrap).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
    client.read("m").await.unwrap();
    assert_eq!(hub.keys()[5], None);
}

#[tokio::test]
async fn reading_is_tried_again() {
    let busy = answer("503 Service Unavailable", "", "");
    let hub = Answers::new(&[&busy, &answer("200 OK", "", "7")]).await;
    assert_eq!(hub.builder().build().unwrap().read("m").await.unwrap(), 7.0);
    assert_eq!(hub.requests().len(), 2);
}

/// The error of the one call that this hub answers.
async fn error_of(answers: &[&str], deadline: Duration) -> (Error, usize) {
    let hub = Answers::new(answers).await;
    let client = hub.builder().deadline(deadline).build().unwrap();
    let error = client.increment("m").await.unwrap_err();
    (error, hub.requests().len())
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_not_made() {
    let hour = answer("503 Service Unavailable", "retry-after: 3600\r\n", "");
    let limit = answer("429 Too Many Requests", "retry-after: 31\r\n", "");
    for (status, answer, seconds) in [(503, hour, 3600), (429, limit, 31)] {
        let (error, requests) = error_of(&[&answer], Duration::from_secs(30)).await;
        assert_eq!((error.status(), error.tries(), requests), (Some(status), 1, 1));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
        assert!(error.is_transient() && !error.is_timeout(), "{error}");
    }
    // Also if it was a shorter one before.
    let short = answer("503 Service Unavailable", "retry-after: 0\r\n", "");
    let long = answer("503 Service Unavailable", "retry-after: 60\r\n", "");
    let (error, requests) = error_of(&[&short, &long], Duration::from_secs(30)).await;
    assert_eq!((error.tries(), requests), (2, 2));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn what_a_pause_does_not_help_is_not_tried_again() {
    let check = async |answer: &str, expected: u16| {
        let (error, requests) = error_of(&[answer, DONE], Duration::from_secs(30)).await;
        assert_eq!(
            (error.status(), error.tries(), requests),
            (Some(expected), 1, 1),
            "{error}"
        );
        assert!(!error.is_transient(), "{error}");
    };
    for status in [
        "301 Moved Permanently",
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "409 Conflict",
        "413 Payload Too Large",
        "500 Internal Server Error",
        "501 Not Implemented",
    ] {
        let expected = status[..3].parse().unwrap();
        check(&answer(status, "", ""), expected).await;
    }
    check(&problem("422 Unprocessable Entity", "", "idempotency-key-reused"), 422).await;
    check(&problem("429 Too Many Requests", "", "limit-reached"), 429).await;
}

#[tokio::test]
async fn a_series_of_tries_says_how_it_ended() {
    let busy = problem("503 Service Unavailable", "", "read-only");
    let (error, requests) = error_of(&[&busy], Duration::from_secs(1)).await;
    assert!(error.tries() >= 2, "{error}");
    assert_eq!(error.tries() as usize, requests);
    let text = error.to_string();
    let expected = format!("because (503 Service Unavailable) (tried {} times in ", error.tries());
    assert!(text.starts_with(&expected), "{text}");
    assert_eq!(error.problem().unwrap().kind(), "urn:metric-nexus:problem:read-only");

    let hub = Answers::new(&[&busy]).await;
    let client = hub.builder().without_retries().build().unwrap();
    let error = client.increment("m").await.unwrap_err();
    assert_eq!((error.tries(), hub.requests().len()), (1, 1));
    assert_eq!(error.to_string(), "because (503 Service Unavailable)");
}

/// After these answers, may the write have happened?
#[tokio::test]
async fn what_is_not_known_is_said() {
    let read_only = problem("503 Service Unavailable", "retry-after: 3600\r\n", "read-only");
    let not_known = problem("503 Service Unavailable", "retry-after: 0\r\n", "outcome-unknown");
    let [conflict, unauthorized, gateway, bad_gateway, failed, page] = [
        "409 Conflict",
        "401 Unauthorized",
        "504 Gateway Timeout",
        "502 Bad Gateway",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ]
    .map(|status| answer(status, "", ""));
    let silence = "";

    let ended = async |answers: &[&str], expected: bool| {
        let (error, requests) = error_of(answers, Duration::from_secs(30)).await;
        assert_eq!(requests, answers.len(), "{error}");
        assert_eq!(error.is_outcome_unknown(), expected, "{answers:?} {error}");
    };
    ended(&[&read_only], false).await;
    ended(&[&conflict], false).await;
    ended(&[&unauthorized], false).await;
    ended(&[&failed], true).await;
    // What comes later may tell, or not.
    ended(&[&not_known, &read_only], true).await;
    ended(&[&not_known, &unauthorized], true).await;
    ended(&[&not_known, &conflict], false).await;

    let given_up = async |answer: &str| {
        let (error, _) = error_of(&[answer], Duration::from_millis(100)).await;
        assert!(error.is_outcome_unknown(), "{answer:?} {error}");
    };
    given_up(&not_known).await;
    given_up(&gateway).await;
    given_up(&bad_gateway).await;
    // That is a proxy's: the hub would say more.
    given_up(&page).await;
    given_up(silence).await;
}

/// What the hub said last, although the last try had no time left for an answer.
#[tokio::test]
async fn a_try_that_the_deadline_cuts_does_not_hide_what_was_said() {
    let busy = problem("503 Service Unavailable", "", "queue-full");
    let (error, requests) = error_of(&[&busy, ""], Duration::from_secs(1)).await;
    assert_eq!((error.status(), error.tries(), requests), (Some(503), 2, 2));
    assert!(error.is_outcome_unknown() && error.is_transient(), "{error}");
    let (error, _) = error_of(&["", ""], Duration::from_millis(100)).await;
    assert!(error.is_timeout() && error.tries() == 1, "{error}");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_an_error() {
    let hub = Answers::new(&[&answer("200 OK", "", "<html>hello</html>")]).await;
    let client = hub.builder().build().unwrap();
    let mut batch = Batch::new();
    batch.increment("m");
    let check = |error: Error, expected: &str, outcome_unknown: bool| {
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!((error.tries(), error.status()), (1, Some(200)));
        assert_eq!(error.is_outcome_unknown(), outcome_unknown);
    };
    check(
        client.write(&batch).await.unwrap_err(),
        "which is not what a batch did",
        true,
    );
    check(client.list().next().await.unwrap_err(), "not a page of a list", true);
    check(client.read("m").await.unwrap_err(), "which is not a number", true);
}
