//! One request and its answer, over as many tries as it takes.

use std::time::Duration;

use bytes::BytesMut;
use reqwest::{
    Request, Response, StatusCode, Url,
    header::{HeaderMap, RETRY_AFTER},
};
use tokio::time::{self, Instant};

use crate::{
    Error,
    backoff::{self, Backoff},
    error::Tries,
};

const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";

/// How a client asks its hub.
pub(crate) struct Exchange {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    /// For one try.
    pub(crate) timeout: Duration,
    /// For all tries, and the waits between them.
    pub(crate) deadline: Duration,
    /// None if there is one try only.
    pub(crate) backoff: Option<Backoff>,
}

/// What the hub said when it did as it was asked.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Whether it is the answer to an earlier try of the same write.
    pub(crate) replayed: bool,
    /// The failed ones before it.
    pub(crate) tries: Tries,
    pub(crate) body: Vec<u8>,
}

impl Exchange {
    /// Sends a request, again and again if that can help, until it is answered or the time is over.
    ///
    /// No more than `answer_bytes_max` of an answer are read.
    pub(crate) async fn send(&self, request: Request, answer_bytes_max: usize) -> Result<Answer, Error> {
        let started = Instant::now();
        let mut tries = Tries::default();
        let mut before = None;
        loop {
            let remaining = self.deadline.saturating_sub(started.elapsed());
            let error = match self
                .attempt(&request, self.timeout.min(remaining), answer_bytes_max)
                .await
            {
                Ok(answer) => return Ok(Answer { tries, ..answer }),
                Err(error) => error,
            };
            tries = tries.and(&error, started.elapsed());
            let error = match before.take() {
                // It had less time than a try is to have: what was said before tells more.
                Some(before) if error.is_timeout() && remaining < self.timeout => before,
                _ => error,
            };
            let remaining = self.deadline.saturating_sub(tries.elapsed);
            let backoff = self.backoff.filter(|_| error.is_transient());
            let wait = backoff
                .and_then(|backoff| backoff.wait(tries.count, error.retry_after(), remaining, backoff::random()));
            match wait {
                Some(wait) => time::sleep(wait).await,
                None => return Err(error.after(tries)),
            }
            before = Some(error);
        }
    }

    async fn attempt(&self, request: &Request, timeout: Duration, answer_bytes_max: usize) -> Result<Answer, Error> {
        // It holds its body whole, and that is shared.
        let mut request = request
            .try_clone()
            .ok_or_else(|| Error::invalid("the request cannot be sent more than once"))?;
        *request.timeout_mut() = Some(timeout);
        let failed = |error| Error::exchange(&self.base, timeout, error);
        let mut response = self.http.execute(request).await.map_err(failed)?;
        let body = read(&mut response, answer_bytes_max).await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(Error::refused(status, retry_after(response.headers()), &body));
        }
        let replayed = response.headers().get(IDEMPOTENCY_REPLAYED);
        Ok(Answer {
            status,
            replayed: replayed.is_some_and(|value| value == "true"),
            tries: Tries::default(),
            body,
        })
    }
}

/// The body, or as much of it as is of interest.
async fn read(response: &mut Response, bytes_max: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() >= bytes_max {
            body.truncate(bytes_max);
            break;
        }
    }
    Ok(body.into())
}

/// The header's seconds; a date, which hubs do not send, is not understood.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds() {
        let check = |value: &str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{value}");
        };
        check("1", Some(1));
        check(" 120 ", Some(120));
        check("0", Some(0));
        check("-1", None);
        check("1.5", None);
        check("Wed, 21 Oct 2026 07:28:00 GMT", None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
