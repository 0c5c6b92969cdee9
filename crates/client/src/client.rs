use std::{fmt, sync::Arc};

use nexus_metric::text::number;
use reqwest::{
    Response, StatusCode, Url,
    header::{HeaderMap, RETRY_AFTER},
};

use crate::{
    Builder, Error, Metric,
    request::{self, Operation, Target},
};

/// How much of an answer is read: more than any number or problem.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How much of an answer that makes no sense is repeated in the error.
const SHOWN_CHARS: usize = 64;

/// A handle on a hub. Cheap to clone; all clones share their connections.
///
/// The methods here act on metrics without labels; [`Client::metric`] is for everything else. Each is one request, and is
/// not repeated when it fails: what that means is in the [crate's documentation](crate#when-it-fails).
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    http: reqwest::Client,
    base: Url,
}

/// What the hub said when it did as it was asked.
struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Client {
    /// Begins a client for the hub at this address, such as `https://metrics.example.org:3000`.
    ///
    /// A path is kept and stands before the names of metrics, for hubs behind a proxy.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    pub(crate) fn new(http: reqwest::Client, base: Url) -> Self {
        Client {
            shared: Arc::new(Shared { http, base }),
        }
    }

    /// A metric, to be given labels and a kind. Sends nothing.
    ///
    /// The hub reads names as the original does: in lower case, with `-`, blank and `.` as `_`.
    pub fn metric(&self, name: impl Into<String>) -> Metric {
        Metric::new(self.clone(), name.into())
    }

    /// Makes a gauge with value 0 if there is no metric of that name; says whether it did. One that exists is left as it
    /// is, whatever its description.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create(&self, name: &str, help: &str) -> Result<bool, Error> {
        self.metric(name).help(help).create().await
    }

    /// Gives a metric a value.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_not_found`] if there is no such metric.
    pub async fn update(&self, name: &str, value: impl Into<f64>) -> Result<(), Error> {
        self.metric(name).update(value).await
    }

    /// [Creates](Client::create) a metric, then [updates](Client::update) it: two requests. To do both in one, say of
    /// which kind it is: `metric(name).kind(Kind::Gauge).help(help).update(value)`.
    ///
    /// # Errors
    /// See [`Error`]; the metric may have been created nevertheless.
    pub async fn create_update(&self, name: &str, help: &str, value: impl Into<f64>) -> Result<(), Error> {
        let metric = self.metric(name).help(help);
        metric.create().await?;
        metric.update(value).await
    }

    /// The value of a metric.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_not_found`] if there is no such metric, [`Error::is_conflict`] if it is a histogram.
    pub async fn read(&self, name: &str) -> Result<f64, Error> {
        self.metric(name).read().await
    }

    /// Adds one to a metric.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_not_found`] if there is no such metric.
    pub async fn increment(&self, name: &str) -> Result<(), Error> {
        self.metric(name).increment().await
    }

    /// Takes one away from a metric.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_conflict`] if it is a counter.
    pub async fn decrement(&self, name: &str) -> Result<(), Error> {
        self.metric(name).decrement().await
    }

    /// Adds to a metric.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_conflict`] if it is a counter and `value` is negative.
    pub async fn add(&self, name: &str, value: impl Into<f64>) -> Result<(), Error> {
        self.metric(name).add(value).await
    }

    /// Takes away from a metric.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_conflict`] if it is a counter and `value` is positive.
    pub async fn subtract(&self, name: &str, value: impl Into<f64>) -> Result<(), Error> {
        self.metric(name).subtract(value).await
    }

    /// Counts an observation in a histogram that exists; [`Metric::buckets`] is the way to make one.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_conflict`] if it is not a histogram.
    pub async fn observe(&self, name: &str, value: impl Into<f64>) -> Result<(), Error> {
        self.metric(name).observe(value).await
    }

    /// Removes a metric with all its series. It can be created again, also with another description.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_not_found`] if there is no such metric.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        self.metric(name).delete().await
    }

    /// Asks for a change, and says whether it made something.
    pub(crate) async fn change(&self, target: &Target, operation: Operation<'_>) -> Result<bool, Error> {
        let answer = self.send(target, operation).await?;
        Ok(answer.status == StatusCode::CREATED)
    }

    /// Asks for a number.
    pub(crate) async fn number(&self, target: &Target, operation: Operation<'_>) -> Result<f64, Error> {
        let answer = self.send(target, operation).await?;
        let text = String::from_utf8_lossy(&answer.body);
        number::parse(text.trim()).ok_or_else(|| {
            let shown: String = text.chars().take(SHOWN_CHARS).collect();
            Error::not_a_number(answer.status, &shown)
        })
    }

    async fn send(&self, target: &Target, operation: Operation<'_>) -> Result<Answer, Error> {
        let url = request::url(&self.shared.base, target, operation)?;
        let mut request = self.shared.http.request(operation.method(), url);
        if let Some(body) = operation.body() {
            request = request.body(body);
        }
        let failed = |error| Error::exchange(&self.shared.base, error);
        let mut response = request.send().await.map_err(failed)?;
        let body = read(&mut response).await.map_err(failed)?;
        let status = response.status();
        if status.is_success() {
            return Ok(Answer { status, body });
        }
        Err(Error::refused(status, retry_after(response.headers()), &body))
    }
}

/// The body, or as much of it as is of interest.
async fn read(response: &mut Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() >= ANSWER_BYTES_MAX {
            body.truncate(ANSWER_BYTES_MAX);
            break;
        }
    }
    Ok(body)
}

/// The header's seconds; a date, which hubs do not send, is not understood.
fn retry_after(headers: &HeaderMap) -> Option<std::time::Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(std::time::Duration::from_secs(seconds))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shared.base.as_str())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    #[test]
    fn the_key_is_never_shown() {
        let builder = Client::builder("http://127.0.0.1:1").key("a secret");
        assert!(!format!("{builder:?}").contains("secret"));
        let client = builder.build().unwrap();
        assert_eq!(format!("{client:?}"), "Client { url: \"http://127.0.0.1:1/\", .. }");
        assert!(!format!("{:?}", client.metric("m")).contains("secret"));
    }
}
