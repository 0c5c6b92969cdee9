//! The hub's metrics about itself, `metric_nexus_*`: what a collector yields, and the list of collectors.

use std::{fmt, sync::Arc};

use nexus_metric::{Kind, Labels, text::Header};
use prometheus::proto::{LabelPair, MetricFamily, MetricType};

/// Yields families of one part of the hub, as they are at this moment.
type Collector = Box<dyn Fn() -> Vec<OwnFamily> + Send + Sync>;

/// The collectors of all parts of the hub, in the order in which scrapes show them. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct OwnMetrics {
    collectors: Arc<[Collector]>,
}

impl OwnMetrics {
    pub(crate) fn new(collectors: Vec<Collector>) -> Self {
        OwnMetrics {
            collectors: collectors.into(),
        }
    }

    /// All of them at this moment.
    pub(crate) fn gather(&self) -> Vec<OwnFamily> {
        self.collectors.iter().flat_map(|collect| collect()).collect()
    }
}

impl fmt::Debug for OwnMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnMetrics")
            .field("collectors", &self.collectors.len())
            .finish()
    }
}

/// A family of the hub's own metrics, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnFamily {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) samples: Vec<OwnSample>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnSample {
    pub(crate) labels: Labels,
    pub(crate) value: OwnValue,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OwnValue {
    Number(f64),
    /// Finite upper bounds with cumulative counts, then sum and count of all.
    Histogram {
        buckets: Vec<(f64, u64)>,
        sum: f64,
        count: u64,
    },
}

impl OwnFamily {
    pub(crate) fn header(&self) -> Header<'_> {
        Header {
            name: &self.name,
            kind: self.kind,
            help: &self.help,
            unit: "",
        }
    }
}

/// A count as a sample's value.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts beyond 2^53 are shown as the nearest double"
)]
pub(crate) fn whole(count: u64) -> f64 {
    count as f64
}

pub(crate) fn sample(labels: &[(&str, &str)], value: f64) -> OwnSample {
    OwnSample {
        labels: Labels::from_pairs(labels.iter().copied()).unwrap_or_default(),
        value: OwnValue::Number(value),
    }
}

/// One gauge.
pub(crate) fn gauge(name: &str, help: &str, labels: &[(&str, &str)], value: f64) -> OwnFamily {
    OwnFamily {
        name: name.to_owned(),
        help: help.to_owned(),
        kind: Kind::Gauge,
        samples: vec![sample(labels, value)],
    }
}

/// One counter without labels.
pub(crate) fn counter(name: &str, help: &str, count: u64) -> OwnFamily {
    OwnFamily {
        name: name.to_owned(),
        help: help.to_owned(),
        kind: Kind::Counter,
        samples: vec![sample(&[], whole(count))],
    }
}

/// A counter for each value of one label.
pub(crate) fn counters<'a>(
    name: &str,
    help: &str,
    label: &str,
    counts: impl IntoIterator<Item = (&'a str, u64)>,
) -> OwnFamily {
    let samples = counts.into_iter();
    OwnFamily {
        name: name.to_owned(),
        help: help.to_owned(),
        kind: Kind::Counter,
        samples: samples
            .map(|(value, count)| sample(&[(label, value)], whole(count)))
            .collect(),
    }
}

/// A family as the `prometheus` crate gathers it.
pub(crate) fn of_prometheus(family: &MetricFamily) -> OwnFamily {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED => Kind::Gauge,
    };
    let samples = family.get_metric().iter().map(|metric| {
        let labels = metric
            .get_label()
            .iter()
            .map(|label: &LabelPair| (label.name().to_owned(), label.value().to_owned()));
        let value = match kind {
            Kind::Histogram => {
                let histogram = metric.get_histogram();
                OwnValue::Histogram {
                    buckets: histogram
                        .get_bucket()
                        .iter()
                        .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
                        .filter(|(bound, _)| bound.is_finite())
                        .collect(),
                    sum: histogram.get_sample_sum(),
                    count: histogram.get_sample_count(),
                }
            }
            Kind::Counter => OwnValue::Number(metric.get_counter().get_value()),
            _ => OwnValue::Number(metric.get_gauge().get_value()),
        };
        OwnSample {
            labels: Labels::from_pairs(labels).unwrap_or_default(),
            value,
        }
    });
    OwnFamily {
        name: family.name().to_owned(),
        help: family.help().to_owned(),
        kind,
        samples: samples.collect(),
    }
}
