//! A handle on a hub: requests, their tries and their answers.

use std::{fmt, sync::Arc};

use nexus_metric::text::number;
use reqwest::{
    Method, Request, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderValue},
};

use crate::{
    Batch, Builder, EncodedBatch, Error, Families, IdempotencyKey, List, Metric, Number, Written,
    exchange::{Answer, Exchange},
    idempotency_key::IDEMPOTENCY_KEY,
    request::{self, Operation, Target},
};

/// How much of an answer is read: more than any number, and than a problem with a hundred refused changes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// A handle on a hub. Cheap to clone; all clones share their connections.
///
/// The methods here act on metrics without labels; [`Client::metric`] is for everything else, and [`Client::write`] for many
/// changes at once. Each is one request, which is tried until it is answered or the time is over, and which the hub does
/// once: the whole of it is in the [crate's documentation](crate#when-it-fails), and what it means to drop a future, too.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) exchange: Exchange,
    pub(crate) batch_items_max: usize,
    pub(crate) batch_bytes_max: usize,
}

impl Client {
    /// Begins a client for the hub at this address, such as `https://metrics.example.org:3000`.
    ///
    /// A path is kept and stands before the names of metrics, for hubs behind a proxy.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    /// A client for the hub that the environment names, with nothing else said: [`Builder::from_env`] has the variables.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn from_env() -> Result<Client, Error> {
        Builder::from_env().build()
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Client {
            shared: Arc::new(shared),
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
    pub async fn update(&self, name: &str, value: impl Number) -> Result<(), Error> {
        self.metric(name).update(value).await
    }

    /// [Creates](Client::create) a metric, then [updates](Client::update) it: two requests, each with its own deadline. To do both in one, say of
    /// which kind it is: `metric(name).kind(Kind::Gauge).help(help).update(value)`.
    ///
    /// # Errors
    /// See [`Error`]; the metric may have been created nevertheless.
    pub async fn create_update(&self, name: &str, help: &str, value: impl Number) -> Result<(), Error> {
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
    pub async fn add(&self, name: &str, value: impl Number) -> Result<(), Error> {
        self.metric(name).add(value).await
    }

    /// Takes away from a metric.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_conflict`] if it is a counter and `value` is positive.
    pub async fn subtract(&self, name: &str, value: impl Number) -> Result<(), Error> {
        self.metric(name).subtract(value).await
    }

    /// Counts an observation in a histogram that exists; [`Metric::buckets`] is the way to make one.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_conflict`] if it is not a histogram.
    pub async fn observe(&self, name: &str, value: impl Number) -> Result<(), Error> {
        self.metric(name).observe(value).await
    }

    /// Removes a metric with all its series. It can be created again, also with another description.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_not_found`] if there is no such metric.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        self.metric(name).delete().await
    }

    /// Makes the changes of a batch, all of them or none, in one request.
    ///
    /// Nothing is sent if the batch is empty.
    ///
    /// # Errors
    /// See [`Error`]. If the hub refused some of the changes, [`Error::items`] says which, the first hundred of them, and
    /// none was made. [`Error::is_too_large`] if there are more changes or bytes than the client
    /// ([`Builder::batch_items_max`], [`Builder::batch_bytes_max`]) or the hub takes at once: batches are not split, since
    /// the parts would not be all or nothing.
    pub async fn write(&self, batch: &Batch) -> Result<Written, Error> {
        self.write_with(batch, &IdempotencyKey::random()?).await
    }

    /// [Writes](Client::write) under a key of the caller's, who can so repeat it after an error, after the future was
    /// dropped, or after the process was started again: the hub makes the changes once, if the key and the batch are the
    /// same.
    ///
    /// # Errors
    /// As [`Client::write`]. The key having been used for another batch is a refusal with status 422.
    pub async fn write_with(&self, batch: &Batch, key: &IdempotencyKey) -> Result<Written, Error> {
        self.check_size(batch.len(), batch.encoded_len())?;
        self.write_encoded(&batch.to_encoded(), key).await
    }

    /// [Writes](Client::write_with) a batch that was encoded before. Nothing of it is copied.
    ///
    /// # Errors
    /// As [`Client::write_with`].
    pub async fn write_encoded(&self, batch: &EncodedBatch, key: &IdempotencyKey) -> Result<Written, Error> {
        if batch.is_empty() {
            return Ok(Written::default());
        }
        self.check_size(batch.len(), batch.encoded_len())?;
        let url = request::api(self.base(), "batch");
        let mut request = Request::new(Method::POST, url);
        request.headers_mut().insert(CONTENT_TYPE, NDJSON);
        request.headers_mut().insert(IDEMPOTENCY_KEY, key.header());
        *request.body_mut() = Some(batch.body().into());
        let answer = self.ask(request, ANSWER_BYTES_MAX).await?;
        Written::read(&answer)
    }

    /// The series that the hub has and the key may see. Sends nothing yet.
    pub fn list(&self) -> List {
        List::new(self.clone())
    }

    /// The metrics that the hub has and the key may see. Sends nothing yet.
    pub fn families(&self) -> Families {
        Families::new(self.clone())
    }

    /// Whether a batch may be sent.
    pub(crate) fn check_size(&self, items: usize, bytes: usize) -> Result<(), Error> {
        let (items_max, bytes_max) = (self.shared.batch_items_max, self.shared.batch_bytes_max);
        if items <= items_max && bytes <= bytes_max {
            return Ok(());
        }
        Err(Error::too_large(format!(
            "the batch has {items} changes in {bytes} bytes, and may have {items_max} in {bytes_max}: send it in parts"
        )))
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
        number::parse(text.trim()).ok_or_else(|| Error::nonsense(&answer, "a number"))
    }

    async fn send(&self, target: &Target, operation: Operation<'_>) -> Result<Answer, Error> {
        let url = request::url(self.base(), target, operation)?;
        let mut request = Request::new(operation.method(), url);
        if operation.writes() {
            let key = IdempotencyKey::random()?.header();
            request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        }
        *request.body_mut() = operation.body().map(Into::into);
        self.ask(request, ANSWER_BYTES_MAX).await
    }

    pub(crate) async fn ask(&self, request: Request, answer_bytes_max: usize) -> Result<Answer, Error> {
        self.shared.exchange.send(request, answer_bytes_max).await
    }

    pub(crate) fn base(&self) -> &Url {
        &self.shared.exchange.base
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.base().as_str())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_never_shown() {
        let builder = Client::builder("http://127.0.0.1:1").key("a secret");
        assert!(!format!("{builder:?}").contains("secret"));
        let client = builder.build().unwrap();
        assert_eq!(format!("{client:?}"), "Client { url: \"http://127.0.0.1:1/\", .. }");
        assert!(!format!("{:?}", client.metric("m")).contains("secret"));
    }
}
