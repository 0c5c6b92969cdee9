//! The metrics of a hub, page by page.

use std::{num::NonZeroU32, time::SystemTime};

use nexus_metric::Kind;
use serde::{Deserialize, Deserializer, de};

use super::{
    pages::{Page, Pages},
    series::at,
};
use crate::{Client, Error};

/// The metrics of a hub, without their series; made by [`Client::families`].
///
/// They come by name, and a page at a time, as the series of a [`List`](crate::List).
///
/// ```no_run
/// # async fn example(client: nexus_client::Client) -> Result<(), nexus_client::Error> {
/// for family in client.families().prefix("jobs_").all().await? {
///     println!("{} is a {} with {} series: {}", family.name(), family.kind(), family.series(), family.help());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is asked before next() or all()"]
pub struct Families(Pages<Family>);

impl Families {
    pub(crate) fn new(client: Client) -> Self {
        Families(Pages::new(client, "families"))
    }

    /// Only metrics whose names begin like this. The last one given counts.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.0.only_parameter("prefix", prefix.into());
        self
    }

    /// How many metrics come at once; 1000 where nothing is said, and a hub gives 10 000 at most.
    pub fn page_len(mut self, families: NonZeroU32) -> Self {
        self.0.only_parameter("limit", families.to_string());
        self
    }

    /// The next metric; none at the end. After an error it can be called again, and goes on where it was. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn next(&mut self) -> Result<Option<Family>, Error> {
        self.0.next::<Wire>().await
    }

    #[cfg(feature = "blocking")]
    pub(crate) fn ready(&mut self) -> Option<Family> {
        self.0.ready()
    }

    /// All that follow.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all(mut self) -> Result<Vec<Family>, Error> {
        self.0.all::<Wire>().await
    }
}

#[derive(Deserialize)]
struct Wire {
    families: Vec<Family>,
    #[serde(default)]
    next: Option<String>,
}

impl Page for Wire {
    type Item = Family;

    fn split(self) -> (Vec<Family>, Option<String>) {
        (self.families, self.next)
    }
}

/// What all series of one name have in common.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Family {
    name: String,
    #[serde(rename = "type", deserialize_with = "kind")]
    kind: Kind,
    help: String,
    unit: String,
    #[serde(default)]
    buckets: Vec<f64>,
    series: u64,
    created_ms: u64,
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

impl Family {
    /// The metric's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The description; may be empty.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }

    /// The unit; may be empty.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// The finite upper bounds of a histogram's buckets, rising.
    #[must_use]
    pub fn buckets(&self) -> &[f64] {
        &self.buckets
    }

    /// How many series it has.
    #[must_use]
    pub fn series(&self) -> u64 {
        self.series
    }

    /// When it was made, by the hub's clock; to the millisecond.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        at(self.created_ms)
    }
}
