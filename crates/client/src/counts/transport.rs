//! What the hub's answers mean for a batch.

use super::outbox::{Answer, Sealed};
use crate::{Client, Error};

/// Sends a batch once.
pub(super) async fn send(client: &Client, sealed: &Sealed) -> Answer {
    match client.write_encoded(&sealed.batch, &sealed.key).await {
        Ok(_) => Answer::Taken,
        Err(error) => judge(&error),
    }
}

/// Only what the hub itself says is a refusal. Whatever else answers, such as a proxy whose hub is away, says nothing about
/// what became of the batch.
fn judge(error: &Error) -> Answer {
    let why = error.to_string();
    let later = |why| Answer::Later {
        why,
        retry_after: error.retry_after(),
        may_have_arrived: error.is_outcome_unknown(),
    };
    if error.is_too_large() {
        return Answer::RefusedWhole(why);
    }
    let (Some(problem), Some(status @ 400..500)) = (error.problem(), error.status()) else {
        return later(why);
    };
    let items = problem.items().iter();
    let refused: Vec<_> = items.map(|item| (item.index(), item.reason().to_owned())).collect();
    match status {
        _ if !refused.is_empty() => Answer::Refused(refused),
        401 | 403 if !error.is_outcome_unknown() => Answer::NotAllowed(why),
        401 | 403 | 408 | 425 | 429 => later(why),
        _ => Answer::RefusedWhole(why),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn only_the_hub_can_refuse() {
        let check = |status: u16, body: &str, expected: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = judge(&Error::refused(status, None, body.as_bytes()));
            let found = format!("{answer:?}");
            assert!(found.starts_with(expected), "{status} {body}: {found}");
        };
        let items = r#"{"type":"urn:x","detail":"no","errors":[{"index":2,"detail":"why"}]}"#;
        let none = r#"{"type":"urn:x","detail":"no"}"#;
        for status in [400, 403, 404, 409, 422, 429] {
            check(status, items, r#"Refused([(2, "why")])"#);
        }
        for status in [400, 404, 422] {
            check(status, none, "RefusedWhole(\"no");
            check(status, "<html>", "Later { why: \"<html>");
        }
        check(413, none, "RefusedWhole");
        check(413, "<html>", "RefusedWhole");
        for status in [401, 403] {
            check(status, none, "NotAllowed(\"no");
            check(status, "<html>", "Later");
        }
        for status in [302, 408, 429, 500, 503] {
            check(status, none, "Later { why: \"no");
        }
        check(503, items, "Later");
    }

    #[test]
    fn no_answer_is_no_refusal() {
        let later = Answer::Later {
            why: "x".to_owned(),
            retry_after: None,
            may_have_arrived: false,
        };
        assert_eq!(judge(&Error::invalid("x")), later);
        assert_eq!(
            judge(&Error::too_large("x".to_owned())),
            Answer::RefusedWhole("x".to_owned())
        );
    }
}
