//! The series of a hub, page by page.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use serde::Deserialize;

use super::pages::{Page, Pages};
use crate::{Client, Error, number::Spelled};

/// The series of a hub; made by [`Client::list`].
///
/// They come a page at a time, as they are asked for: nothing is sent before the first [`List::next`], and what is not
/// asked for is not sent. Metrics come by name, the series of one by their labels. Pages are not of one moment: a series that is made
/// or deleted meanwhile may be there or not; no other is left out or comes twice, even if the hub is started anew in between.
///
/// ```no_run
/// # async fn example(client: nexus_client::Client) -> Result<(), nexus_client::Error> {
/// let mut list = client.list().matching(r#"jobs_total{queue=~"mail|web"}"#);
/// while let Some(series) = list.next().await? {
///     println!("{} {:?}: {:?}", series.name(), series.label("queue"), series.value());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is asked before next() or all()"]
pub struct List(Pages<Series>);

impl List {
    pub(crate) fn new(client: Client) -> Self {
        List(Pages::new(client, "series"))
    }

    /// Only series that this selector matches, such as `jobs_total`, `{queue="mail"}` or
    /// `{__name__=~"jobs_.*",queue!=""}`: PromQL's instant vector selectors. Given several times, series that one of
    /// them matches.
    pub fn matching(mut self, selector: impl Into<String>) -> Self {
        self.0.parameter("match[]", selector.into());
        self
    }

    /// How many series come at once; 1000 where nothing is said, and a hub gives 10 000 at most.
    pub fn page_len(mut self, series: NonZeroU32) -> Self {
        self.0.only_parameter("limit", series.to_string());
        self
    }

    /// The next series; none at the end. After an error it can be called again, and goes on where it was. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// See [`Error`]; status 400 if a selector is none.
    pub async fn next(&mut self) -> Result<Option<Series>, Error> {
        self.0.next::<Wire>().await
    }

    #[cfg(feature = "blocking")]
    pub(crate) fn ready(&mut self) -> Option<Series> {
        self.0.ready()
    }

    /// All that follow.
    ///
    /// # Errors
    /// As [`List::next`].
    pub async fn all(mut self) -> Result<Vec<Series>, Error> {
        self.0.all::<Wire>().await
    }
}

#[derive(Deserialize)]
struct Wire {
    series: Vec<Series>,
    #[serde(default)]
    next: Option<String>,
}

impl Page for Wire {
    type Item = Series;

    fn split(self) -> (Vec<Series>, Option<String>) {
        (self.series, self.next)
    }
}

/// A series of a hub, as it was when the hub was asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    value: Option<Spelled>,
    #[serde(default)]
    histogram: Option<Histogram>,
    owner: String,
    created_ms: u64,
    changed_ms: u64,
}

impl Series {
    /// The metric's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The labels, by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a label; none if there is no such label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// The value; none if it is a histogram.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value.map(|value| value.0)
    }

    /// The histogram, if it is one.
    #[must_use]
    pub fn histogram(&self) -> Option<&Histogram> {
        self.histogram.as_ref()
    }

    /// The name of the API key that made it.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// When it was made, by the hub's clock; to the millisecond.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        at(self.created_ms)
    }

    /// When it was last written, by the hub's clock; to the millisecond.
    #[must_use]
    pub fn changed(&self) -> SystemTime {
        at(self.changed_ms)
    }
}

/// A time in milliseconds since 1970; 1970 if it is beyond what the system can tell.
pub(super) fn at(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_millis(ms))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A histogram of a hub.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Histogram {
    buckets: Vec<Bucket>,
    sum: Spelled,
    count: u64,
}

impl Histogram {
    /// The buckets by rising bounds; the last one's is infinite.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The sum of all observations.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum.0
    }

    /// How many observations there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// A bucket of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Bucket {
    le: Spelled,
    count: u64,
}

impl Bucket {
    /// The upper bound, which belongs to it.
    #[must_use]
    pub fn bound(&self) -> f64 {
        self.le.0
    }

    /// How many observations were not above the bound: those of the buckets before are among them.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}
