//! One metric of a hub, or one series of it.

use nexus_metric::Kind;

use crate::{
    Client, Error, Number,
    request::{Operation, Target},
};

/// One metric of a hub, or one series of it: a name, labels, and what it is if it has to be made.
///
/// A value: it can be kept, cloned, used any number of times, from any number of tasks. Nothing is sent before a verb is
/// called; a name or label that cannot be is reported by the verb.
///
/// Without a kind, a verb acts on a metric that exists. With one ([`Metric::kind`], [`Metric::buckets`]), a write makes
/// the metric first if it is missing, in the same request.
///
/// ```no_run
/// # async fn example() -> Result<(), nexus_client::Error> {
/// use nexus_client::{Client, Kind};
///
/// let client = Client::builder("https://127.0.0.1:3000").key("Hello World").ca_file("state/tls/ca.pem").build()?;
/// let jobs = client.metric("jobs_total").label("queue", "mail").kind(Kind::Counter).help("Jobs done");
/// jobs.increment().await?;
/// jobs.add(3).await?;
/// assert_eq!(jobs.read().await?, 4.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before a verb is called"]
pub struct Metric {
    client: Client,
    target: Target,
}

impl Metric {
    pub(crate) fn new(client: Client, name: String) -> Self {
        let target = Target {
            name,
            ..Target::default()
        };
        Metric { client, target }
    }

    /// Adds a label. Names follow Prometheus' rule; a value can be any text, and an empty one is as good as no label.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.target.labels.push((name.into(), value.into()));
        self
    }

    /// What the metric is, so that writes can make it. If there is one of another kind, they are refused
    /// ([`Error::is_conflict`]).
    pub fn kind(mut self, kind: Kind) -> Self {
        self.target.kind = Some(kind);
        self
    }

    /// The description, if the metric is made.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.target.help = help.into();
        self
    }

    /// The unit, if the metric is made: a suffix of its name, such as `seconds` or `bytes`.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.target.unit = unit.into();
        self
    }

    /// The buckets' upper bounds, rising, without the infinite one, if the metric is made; says that it is a histogram.
    pub fn buckets<B: Number>(mut self, bounds: impl IntoIterator<Item = B>) -> Self {
        self.target.buckets = bounds.into_iter().map(Number::to_f64).collect();
        self.kind(Kind::Histogram)
    }

    /// Makes the metric and this series, with value 0, unless they exist; says whether it made anything. Without a kind
    /// it is a gauge.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create(&self) -> Result<bool, Error> {
        let help = &self.target.help;
        self.client.change(&self.target, Operation::Create(help)).await
    }

    /// Gives the series a value.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update(&self, value: impl Number) -> Result<(), Error> {
        self.change(Operation::Update(value.to_f64())).await
    }

    /// The value of the series.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_conflict`] if the metric is a histogram.
    pub async fn read(&self) -> Result<f64, Error> {
        self.client.number(&self.target, Operation::Read).await
    }

    /// Adds one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn increment(&self) -> Result<(), Error> {
        self.change(Operation::Increment).await
    }

    /// Takes one away.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn decrement(&self) -> Result<(), Error> {
        self.change(Operation::Decrement).await
    }

    /// Adds `value`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add(&self, value: impl Number) -> Result<(), Error> {
        self.change(Operation::Add(value.to_f64())).await
    }

    /// Takes `value` away.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn subtract(&self, value: impl Number) -> Result<(), Error> {
        self.change(Operation::Subtract(value.to_f64())).await
    }

    /// Counts `value` in its bucket; for histograms.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn observe(&self, value: impl Number) -> Result<(), Error> {
        self.change(Operation::Observe(value.to_f64())).await
    }

    /// Removes exactly this series; if no label was given, the metric with all its series.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete(&self) -> Result<(), Error> {
        self.change(Operation::Delete).await
    }

    async fn change(&self, operation: Operation<'_>) -> Result<(), Error> {
        self.client.change(&self.target, operation).await.map(drop)
    }
}
