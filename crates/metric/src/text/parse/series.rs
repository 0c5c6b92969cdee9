//! A series while its samples are read.

use super::{Reason, sample::Sample};
use crate::{
    Kind,
    text::{Bucket, Format, Histogram, Metric, Quantile, Suffix, Summary, Value},
};

/// A series while its samples are read.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) metric: Metric,
    /// Where it begins.
    pub(super) line: usize,
    /// Whether a number was given.
    valued: bool,
    /// What `_count` says, for a histogram.
    count: Option<u64>,
}

impl Series {
    pub(super) fn new(kind: Kind, line: usize, labels: crate::Labels, timestamp: Option<f64>) -> Self {
        let value = match kind {
            Kind::Histogram | Kind::GaugeHistogram => Value::Histogram(Histogram::default()),
            Kind::Summary => Value::Summary(Summary::default()),
            _ => Value::Number(0.0),
        };
        let metric = Metric {
            labels,
            value,
            timestamp,
            created: None,
            exemplar: None,
        };
        Series {
            metric,
            line,
            valued: false,
            count: None,
        }
    }

    /// Takes in a sample; `bound` is the value of its `le` or `quantile` label.
    pub(super) fn add(&mut self, kind: Kind, suffix: Suffix, bound: f64, sample: Sample<'_>) -> Result<(), Reason> {
        if sample.timestamp != self.metric.timestamp {
            return Err(Reason::invalid(
                &sample.name,
                "the samples of a series have different timestamps",
            ));
        }
        let may_have_exemplar = suffix == Suffix::Bucket || (kind, suffix) == (Kind::Counter, Suffix::Value);
        if sample.exemplar.is_some() && !may_have_exemplar {
            return Err(Reason::invalid(
                &sample.name,
                "only counters and buckets have exemplars",
            ));
        }
        let repeated = match (&mut self.metric.value, suffix) {
            (Value::Number(_), Suffix::Value) if self.valued => true,
            (Value::Number(value), Suffix::Value) => {
                *value = sample.number()?;
                self.metric.exemplar = sample.exemplar;
                self.valued = true;
                false
            }
            (Value::Histogram(histogram), Suffix::Bucket) => {
                let count = sample.count()?;
                histogram.buckets.push(Bucket {
                    upper: bound,
                    count,
                    exemplar: sample.exemplar,
                });
                false
            }
            (Value::Histogram(histogram), Suffix::Sum) => histogram.sum.replace(sample.number()?).is_some(),
            (Value::Histogram(_), Suffix::Count) => self.count.replace(sample.count()?).is_some(),
            (Value::Summary(summary), Suffix::Value) => {
                summary.quantiles.push(Quantile {
                    quantile: bound,
                    value: sample.number()?,
                });
                false
            }
            (Value::Summary(summary), Suffix::Sum) => summary.sum.replace(sample.number()?).is_some(),
            (Value::Summary(summary), Suffix::Count) => summary.count.replace(sample.count()?).is_some(),
            (_, Suffix::Created) => {
                let seconds = sample.number()?;
                if !seconds.is_finite() {
                    return Err(Reason::syntax("a timestamp", sample.value));
                }
                self.metric.created.replace(seconds).is_some()
            }
            _ => {
                return Err(Reason::NotOfKind {
                    sample: sample.name.into_owned(),
                    kind,
                });
            }
        };
        if repeated {
            Err(Reason::Duplicate(format!("{}{}", sample.name, self.metric.labels)))
        } else {
            Ok(())
        }
    }

    /// Checks what only all samples together show.
    pub(super) fn finish(mut self, name: &str, kind: Kind, format: Format) -> Result<Metric, Reason> {
        let strict = format == Format::OpenMetrics;
        let checked = match &mut self.metric.value {
            Value::Number(_) if !self.valued => Err("it has a creation time but no value"),
            Value::Number(value) if strict => check_number(kind, *value),
            Value::Number(_) => Ok(()),
            Value::Histogram(histogram) => complete(histogram, self.count, strict),
            Value::Summary(summary) => check_summary(summary, strict),
        };
        let checked = match checked {
            Ok(()) if kind == Kind::StateSet && self.metric.labels.get(name).is_none() => {
                Err("a state set has a label of its own name")
            }
            other => other,
        };
        match checked {
            Ok(()) => Ok(self.metric),
            Err(problem) => Err(Reason::invalid(&format!("{name}{}", self.metric.labels), problem)),
        }
    }
}

fn check_number(kind: Kind, value: f64) -> Result<(), &'static str> {
    match kind {
        Kind::Counter if value.is_nan() || value < 0.0 => Err("a counter is neither NaN nor negative"),
        Kind::Info if value != 1.0 => Err("the value of an info is 1"),
        Kind::StateSet if value != 0.0 && value != 1.0 => Err("the value of a state is 0 or 1"),
        _ => Ok(()),
    }
}

/// Sorts the buckets and checks them; in 0.0.4 the last one may have to be added.
fn complete(histogram: &mut Histogram, count: Option<u64>, strict: bool) -> Result<(), &'static str> {
    let buckets = &mut histogram.buckets;
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last().is_none_or(|last| last.upper < f64::INFINITY) {
        let count = count.filter(|_| !strict).ok_or("the +Inf bucket is missing")?;
        buckets.push(Bucket {
            upper: f64::INFINITY,
            count,
            exemplar: None,
        });
    }
    for (low, high) in buckets.iter().zip(buckets.iter().skip(1)) {
        if low.upper >= high.upper {
            return Err("a bucket is given more than once");
        }
        if low.count > high.count {
            return Err("the counts of buckets are cumulative and must not fall");
        }
    }
    match count {
        Some(count) if count != histogram.count() => Err("the +Inf bucket differs from the count"),
        _ => Ok(()),
    }
}

fn check_summary(summary: &mut Summary, strict: bool) -> Result<(), &'static str> {
    let quantiles = &mut summary.quantiles;
    quantiles.sort_by(|a, b| a.quantile.total_cmp(&b.quantile));
    if quantiles
        .iter()
        .zip(quantiles.iter().skip(1))
        .any(|(low, high)| low.quantile >= high.quantile)
    {
        return Err("a quantile is given more than once");
    }
    if strict && !quantiles.iter().all(|q| (0.0..=1.0).contains(&q.quantile)) {
        return Err("a quantile lies between 0 and 1");
    }
    if strict && quantiles.iter().any(|q| q.value < 0.0) {
        return Err("the value of a quantile is not negative");
    }
    Ok(())
}
