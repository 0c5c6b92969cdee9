//! How counts are made: interval, limits, spool.

use std::{fmt, sync::Arc, thread, time::Duration};

use nexus_metric::Buckets;

use super::{
    Counts,
    families::{Bounds, Families},
    mailbox::Mailbox,
    outbox::{BatchLimits, Outbox},
    registry::Registry,
    report::Undelivered,
    sender::{OnRefused, Sender},
};
use crate::{Builder, Error, Number};

const INTERVAL: Duration = Duration::from_secs(1);
const SERIES_MAX: usize = 100_000;
const BATCHES: BatchLimits = BatchLimits {
    items_max: 10_000,
    bytes_max: 1 << 20,
};

/// What a [`Counts`] is to be; made by [`Counts::builder`].
///
/// | | where nothing is said |
/// |---|---|
/// | [`interval`](Self::interval) | 1 s |
/// | [`default_buckets`](Self::default_buckets) | 5 ms to 10 s, those of Prometheus' client libraries |
/// | [`series_max`](Self::series_max) | 100 000 |
///
/// A batch holds at most 10 000 series and 1 MiB, or less if the [client](Builder::batch_items_max) is told so: far less than
/// a hub takes, so that each gets through a slow line within the client's timeout.
///
/// ```no_run
/// use std::time::Duration;
/// use nexus_client::{Client, Counts};
///
/// let counts = Counts::builder(Client::builder("https://127.0.0.1:3000").key("Hello World").ca_file("state/tls/ca.pem"))
///     .interval(Duration::from_secs(5))
///     .buckets("job_seconds", [0.1, 1.0, 10.0])
///     .on_refused(|what| eprintln!("not counted: {what}: {}", what.reason()))
///     .start()?;
/// # Ok::<(), nexus_client::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is counted before start()"]
pub struct CountsBuilder {
    client: Builder,
    interval: Duration,
    by_name: Vec<(String, Vec<f64>)>,
    by_prefix: Vec<(String, Vec<f64>)>,
    others: Option<Vec<f64>>,
    series_max: usize,
    on_refused: Option<Arc<OnRefused>>,
}

impl CountsBuilder {
    pub(super) fn new(client: Builder) -> Self {
        CountsBuilder {
            client,
            interval: INTERVAL,
            by_name: Vec::new(),
            by_prefix: Vec::new(),
            others: None,
            series_max: SERIES_MAX,
            on_refused: None,
        }
    }

    /// How long after all that was counted is sent until it is sent again: 1 s. More than nothing.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The upper bounds of a histogram's buckets, rising, without the infinite one, at most 1000.
    pub fn buckets<B: Number>(mut self, name: impl Into<String>, bounds: impl IntoIterator<Item = B>) -> Self {
        self.by_name.push((name.into(), numbers(bounds)));
        self
    }

    /// The same for all histograms whose names begin like this, unless [`buckets`](Self::buckets) are given for the name,
    /// or others for a longer prefix.
    pub fn buckets_for_prefix<B: Number>(
        mut self,
        prefix: impl Into<String>,
        bounds: impl IntoIterator<Item = B>,
    ) -> Self {
        self.by_prefix.push((prefix.into(), numbers(bounds)));
        self
    }

    /// The same for all other histograms: 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10.
    pub fn default_buckets<B: Number>(mut self, bounds: impl IntoIterator<Item = B>) -> Self {
        self.others = Some(numbers(bounds));
        self
    }

    /// How many series there may be, and how many names may be described: 100 000. Each takes about 300 bytes, and 8 for each
    /// bucket. What is counted in more is not sent, but added up, and [reported](Self::on_refused).
    pub fn series_max(mut self, series: usize) -> Self {
        self.series_max = series;
        self
    }

    /// What is told of each series that the hub refuses, or that it is not asked about, as the name cannot be: the amount is
    /// dropped. It is logged, too.
    ///
    /// Called on the thread that sends: it should not take long.
    pub fn on_refused(mut self, on_refused: impl Fn(&Undelivered) + Send + Sync + 'static) -> Self {
        self.on_refused = Some(Arc::new(on_refused));
        self
    }

    /// Starts the thread that sends. Connects to nothing yet; it does not matter whether there is a hub. Blocks as
    /// [`Builder::build`] does, which it calls. Of the client's times only [`Builder::timeout`] counts: a batch is tried again
    /// until it is answered, after waits that grow to 5 s.
    ///
    /// # Errors
    /// What was given for the client cannot be; bucket bounds do not rise; the interval is zero; there can be no more threads.
    pub fn start(self) -> Result<Counts, Error> {
        if self.interval.is_zero() {
            return Err(Error::invalid("the interval of counts must be more than zero"));
        }
        let families = Families::new(self.bounds()?, self.series_max);
        let registry = Arc::new(Registry::new(families, self.series_max));
        let mailbox = Arc::new(Mailbox::default());
        let sender = Sender {
            // The sender tries again by itself, and wants to know what became of each try.
            client: self.client.without_retries().build()?,
            registry: registry.clone(),
            mailbox: mailbox.clone(),
            on_refused: self.on_refused,
            interval: self.interval,
            outbox: Outbox::new(BATCHES),
            waiting: Vec::new(),
            trouble: None,
        };
        let cannot = |error| Error::invalid_because("cannot start the thread that sends what is counted", error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(cannot)?;
        thread::Builder::new()
            .name("nexus-counts".to_owned())
            .spawn(move || runtime.block_on(sender.run()))
            .map_err(cannot)?;
        Ok(Counts::new(registry, mailbox))
    }

    fn bounds(&self) -> Result<Bounds, Error> {
        let buckets = |name: &str, bounds: &[f64]| {
            Buckets::new(bounds).map_err(|error| Error::invalid_because(&format!("the buckets of {name:?}"), error))
        };
        let all = |list: &[(String, Vec<f64>)]| {
            list.iter()
                .map(|(name, bounds)| Ok((name.clone(), buckets(name, bounds)?)))
                .collect::<Result<Vec<_>, Error>>()
        };
        Ok(Bounds {
            by_name: all(&self.by_name)?.into_iter().collect(),
            by_prefix: all(&self.by_prefix)?,
            others: match &self.others {
                Some(bounds) => buckets("default_buckets", bounds)?,
                None => Buckets::prometheus_default(),
            },
        })
    }
}

fn numbers<B: Number>(bounds: impl IntoIterator<Item = B>) -> Vec<f64> {
    bounds.into_iter().map(Number::to_f64).collect()
}

impl fmt::Debug for CountsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountsBuilder")
            .field("client", &self.client)
            .field("interval", &self.interval)
            .field("series_max", &self.series_max)
            .finish_non_exhaustive()
    }
}
