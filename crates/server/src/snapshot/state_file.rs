//! A state file as a list of metrics, for programs that read or edit it.

use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

use nexus_metric::{BucketsError, Kind, LabelError, Labels, Name, NameError, UnknownKind};
use nexus_segments::RealDisk;
use serde::{Deserialize, Serialize};

use crate::{
    state::{self, FamilyData, StoreLimits, Value},
    write::{Change, Definition, HistogramDelta, Op, Refusal, Target, Write},
};

/// A state file as a list of metrics, for programs that read or edit it while no hub runs on it.
///
/// This is metric-nexus' own state file, with labels, types and histograms added. A hub takes such a file over when it
/// starts, if its journal is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The metrics, in the file's order.
    #[serde(deserialize_with = "list_or_nothing")]
    pub metrics: Vec<StateMetric>,
}

/// One series of a state file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateMetric {
    /// The metric's name.
    pub key: String,
    /// Its help text.
    #[serde(default)]
    pub description: String,
    /// Its value; a histogram's is its count of observations.
    pub value: f64,
    /// `gauge`, `counter`, `histogram` or `untyped`.
    #[serde(rename = "type", default = "gauge", skip_serializing_if = "is_gauge")]
    pub kind: String,
    /// Its unit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A histogram's buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<StateHistogram>,
}

/// The buckets of a histogram in a state file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateHistogram {
    /// The finite upper bounds.
    pub bounds: Vec<f64>,
    /// Observations per bucket, not cumulative; one more than there are bounds.
    pub counts: Vec<u64>,
    /// The sum of the observed values.
    pub sum: f64,
}

/// Why a file is not a state file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not YAML, or not of this shape.
    #[error("{0}")]
    Yaml(String),
    /// One of its metrics cannot be.
    #[error("metric {key:?}: {reason}")]
    Metric {
        /// The metric's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn gauge() -> String {
    Kind::Gauge.as_str().to_owned()
}

fn is_gauge(kind: &str) -> bool {
    kind == Kind::Gauge.as_str()
}

/// metric-nexus writes `metrics:` and nothing more when it has none.
fn list_or_nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<StateMetric>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl State {
    /// Reads a state file: a hub's snapshot, metric-nexus' own, or one written by hand.
    ///
    /// A hub's journal beside it may know more: stop the hub first, which leaves nothing in the journal.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, StateError> {
        let loaded = super::load(&RealDisk, path.as_ref()).map_err(|error| StateError::Yaml(error.to_string()))?;
        let loaded = loaded.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(State::from_stored(&loaded.state))
    }

    /// Writes a state file that a hub with an empty journal takes over.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), StateError> {
        let text = yaml_serde::to_string(self).map_err(|error| StateError::Yaml(error.to_string()))?;
        Ok(fs::write(path, text)?)
    }

    /// Adds a gauge.
    pub fn append(&mut self, key: &str, description: &str, value: f64) {
        self.metrics.push(StateMetric {
            key: key.to_owned(),
            description: description.to_owned(),
            value,
            kind: gauge(),
            unit: String::new(),
            labels: BTreeMap::new(),
            histogram: None,
        });
    }

    /// Gives the first metric of that name this value; `false` if there is none.
    pub fn set_value(&mut self, key: &str, value: f64) -> bool {
        let metric = self.metrics.iter_mut().find(|metric| metric.key == key);
        metric.map(|metric| metric.value = value).is_some()
    }

    pub(super) fn from_yaml(text: &str) -> Result<Self, StateError> {
        let document: Option<State> =
            yaml_serde::from_str(text).map_err(|error| StateError::Yaml(error.to_string()))?;
        document.ok_or_else(|| StateError::Yaml("the file is empty: it should begin with `metrics:`".to_owned()))
    }

    fn from_stored(stored: &state::State) -> Self {
        let mut metrics = Vec::new();
        for data in stored.catalog().families() {
            for block in data.blocks() {
                block.for_each(|series| {
                    metrics.extend(series.value().map(|value| metric(&data, series.labels, &value)));
                });
            }
        }
        State { metrics }
    }

    /// The metrics as a hub's state, and the sequence of the last of them.
    pub(super) fn into_stored(self) -> Result<(state::State, u64), StateError> {
        let mut stored = state::State::default();
        let mut position = 0;
        // The hub counts its clients itself, and a metric of metric-nexus that begins with __ could not even be read there.
        for metric in self
            .metrics
            .into_iter()
            .filter(|metric| !state::is_reserved(&metric.key))
        {
            let fail = |reason: String| StateError::Metric {
                key: metric.key.clone(),
                reason,
            };
            let change = metric.change().map_err(|error| fail(error.to_string()))?;
            let write = Write::of("", vec![change]);
            if let Some(Refusal { reason, .. }) = stored.check(&write, &StoreLimits::NONE).first() {
                return Err(fail(reason.to_string()));
            }
            if stored.apply(&write, position + 1, 0).created == 0 {
                return Err(fail("it is there twice".to_owned()));
            }
            position += write.changes.len() as u64;
        }
        Ok((stored, position))
    }
}

fn metric(data: &FamilyData, labels: &str, value: &Value) -> StateMetric {
    let family = &data.family;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count beyond 2^53 is shown as the nearest double"
    )]
    let (value, histogram) = match value {
        Value::Number(value, _) => (*value, None),
        Value::Histogram(histogram) => (
            histogram.count() as f64,
            Some(StateHistogram {
                bounds: family.buckets.bounds().to_vec(),
                counts: histogram.counts.to_vec(),
                sum: histogram.sum,
            }),
        ),
    };
    StateMetric {
        key: family.name.to_string(),
        description: family.help.to_string(),
        value,
        kind: family.kind.to_string(),
        unit: family.unit.to_string(),
        labels: Labels::pairs_of(labels)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        histogram,
    }
}

#[derive(Debug, thiserror::Error)]
enum MetricError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Label(#[from] LabelError),
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    #[error(transparent)]
    Buckets(#[from] BucketsError),
    #[error("a histogram needs its buckets")]
    NoBuckets,
}

impl StateMetric {
    fn change(&self) -> Result<Change<'static>, MetricError> {
        let kind: Kind = self.kind.parse()?;
        let buckets = self
            .histogram
            .as_ref()
            .map(|histogram| nexus_metric::Buckets::new(&histogram.bounds))
            .transpose()?;
        let define = Definition {
            kind: Some(kind),
            help: self.description.as_str().into(),
            unit: self.unit.as_str().into(),
            buckets,
        };
        let target = Target::new(Name::legacy(&self.key)?, Labels::from_pairs(&self.labels)?);
        let op = match (&self.histogram, kind) {
            (Some(histogram), _) => Op::Merge(Box::new(HistogramDelta {
                counts: histogram.counts.as_slice().into(),
                sum: histogram.sum,
            })),
            (None, Kind::Histogram) => return Err(MetricError::NoBuckets),
            (None, _) => Op::Set(self.value),
        };
        Ok(Change::Series(target.defining(Some(Arc::new(define))), op))
    }
}
