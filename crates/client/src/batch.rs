//! Many changes in one request.

mod encoded;
mod item;

pub use encoded::EncodedBatch;
pub use item::Item;

use crate::Number;

/// Changes that a hub makes all at once, or not at all; sent by [`Client::write`](crate::Client::write).
///
/// They are made in the order in which they are added, so that a later one sees the earlier ones. Each is encoded when it
/// is added, which allocates nothing once the batch has grown to its size; [`Batch::clear`] keeps what it has grown to.
///
/// Names are taken as they are: other than [`Client::metric`](crate::Client::metric), a batch does not change
/// `My-Metric` to `my_metric`, and can write metrics whose names need quotes.
///
/// Nothing is checked here: a name, a label or a value that cannot be is refused by the hub, which says which change it was
/// ([`Error::items`](crate::Error::items)).
///
/// ```no_run
/// use nexus_client::{Batch, Kind};
///
/// # async fn example(client: nexus_client::Client) -> Result<(), nexus_client::Error> {
/// let mut batch = Batch::new();
/// batch.metric("jobs_total").label("queue", "mail").kind(Kind::Counter).help("Jobs done").add(3);
/// batch.metric("job_seconds").buckets(&[0.1, 1.0, 10.0]).observe(0.35);
/// batch.metric("queue_length").kind(Kind::Gauge).update(17);
/// let written = client.write(&batch).await?;
/// assert_eq!(written.changes(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Batch {
    body: Vec<u8>,
    len: usize,
}

impl Batch {
    /// How many changes a hub takes in one batch, where its `limits.changes_per_request_max` says nothing else: 100 000.
    pub const ITEMS_MAX: usize = 100_000;
    /// How many bytes a hub takes in one batch, where its `limits.body_bytes_max` says nothing else: 16 MiB.
    pub const BYTES_MAX: usize = 16 << 20;

    /// A batch without changes.
    #[must_use]
    pub fn new() -> Self {
        Batch::default()
    }

    /// Begins a change. Nothing is added before one of the verbs is called.
    pub fn metric<'a>(&'a mut self, name: &'a str) -> Item<'a> {
        Item::new(self, name)
    }

    /// Makes a gauge with value 0 if there is no metric of that name.
    pub fn create(&mut self, name: &str, help: &str) {
        self.metric(name).help(help).create();
    }

    /// Gives a metric a value.
    pub fn update(&mut self, name: &str, value: impl Number) {
        self.metric(name).update(value);
    }

    /// Adds one to a metric.
    pub fn increment(&mut self, name: &str) {
        self.metric(name).increment();
    }

    /// Takes one away from a metric.
    pub fn decrement(&mut self, name: &str) {
        self.metric(name).decrement();
    }

    /// Adds to a metric.
    pub fn add(&mut self, name: &str, value: impl Number) {
        self.metric(name).add(value);
    }

    /// Takes away from a metric.
    pub fn subtract(&mut self, name: &str, value: impl Number) {
        self.metric(name).subtract(value);
    }

    /// Counts an observation in a histogram.
    pub fn observe(&mut self, name: &str, value: impl Number) {
        self.metric(name).observe(value);
    }

    /// Removes a metric with all its series.
    pub fn delete(&mut self, name: &str) {
        self.metric(name).delete();
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes are sent.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.body.len()
    }

    /// Forgets the changes, and keeps the memory for others.
    pub fn clear(&mut self) {
        self.body.clear();
        self.len = 0;
    }

    /// The batch as it is sent, to be kept, or sent more than once. Takes no time: nothing is copied.
    #[must_use]
    pub fn into_encoded(self) -> EncodedBatch {
        EncodedBatch::new(self.body.into(), self.len)
    }

    /// A copy of the batch as it is sent.
    #[must_use]
    pub fn to_encoded(&self) -> EncodedBatch {
        EncodedBatch::new(self.body.clone().into(), self.len)
    }

    fn push(&mut self, line: &impl serde::Serialize) {
        // A vector takes everything, and what is written has no part that JSON cannot hold.
        if serde_json::to_writer(&mut self.body, line).is_ok() {
            self.body.push(b'\n');
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests;
