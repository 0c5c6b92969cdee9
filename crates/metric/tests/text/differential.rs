//! The same facts as another parser finds. It knows no names in quotes and no -0, and takes quadratic time, so inputs are small.

use std::collections::BTreeSet;

use nexus_metric::{
    Kind,
    text::{Document, Escaping, Exemplar, Format, Metric, Value, write},
};
use openmetrics_parser::{
    HistogramValue, MetricNumber, MetricsExposition, OpenMetricsValue, PrometheusValue, RenderableMetricValue, Sample,
    SummaryValue, openmetrics::parse_openmetrics, prometheus::parse_prometheus,
};
use proptest::prelude::*;

use crate::arbitrary::{self, Names};

/// Leaves out what the other parser refuses although the format has it: units of histograms and summaries, creation
/// times of summaries, counts without a sum; and numbers which OpenMetrics forbids, and it in 0.0.4, too.
fn tame(mut document: Document) -> Document {
    let positive = |number: f64| if number.is_nan() { 1.0 } else { number.abs() };
    for family in &mut document.families {
        if !matches!(family.kind, Kind::Counter | Kind::Gauge | Kind::Untyped) {
            family.unit = "".into();
        }
        for metric in &mut family.metrics {
            match &mut metric.value {
                Value::Number(value) if family.kind == Kind::Counter => *value = positive(*value),
                Value::Number(_) => {}
                Value::Histogram(histogram) => {
                    histogram.sum = Some(positive(histogram.sum.unwrap_or(1.0)));
                    histogram.buckets.retain(|bucket| bucket.upper > 0.0);
                }
                Value::Summary(summary) => {
                    metric.created = None;
                    summary.sum = Some(positive(summary.sum.unwrap_or(1.0)));
                    summary.count = summary.count.map(|count| count >> 1);
                    summary.quantiles.iter_mut().for_each(|q| q.value = positive(q.value));
                }
            }
        }
    }
    document
}

type Facts = BTreeSet<String>;

/// What a series says, one number each.
type Numbers = Vec<(String, f64)>;

fn our_facts(document: &Document, format: Format) -> Facts {
    let mut facts = Facts::new();
    for family in &document.families {
        let name = match (format, family.kind) {
            (Format::OpenMetrics, Kind::Counter) => family.name.as_str().strip_suffix("_total").unwrap(),
            (Format::OpenMetrics, Kind::Info) => family.name.as_str().strip_suffix("_info").unwrap(),
            _ => family.name.as_str(),
        };
        facts.insert(format!("{name} unit {}", family.unit));
        for metric in &family.metrics {
            let labels: Vec<(String, String)> = metric
                .labels
                .iter()
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            for (what, number) in our_numbers(metric) {
                facts.insert(format!(
                    "{name}{labels:?} {what} {:?} at {:?}",
                    number + 0.0,
                    metric.timestamp
                ));
            }
        }
    }
    facts
}

fn our_numbers(metric: &Metric) -> Numbers {
    let mut numbers = Numbers::new();
    let mut note = |what: String, number: Option<f64>| numbers.extend(number.map(|number| (what, number)));
    note("created".into(), metric.created);
    note(
        "exemplar".into(),
        metric.exemplar.as_ref().map(|exemplar: &Exemplar| exemplar.value),
    );
    match &metric.value {
        Value::Number(value) => note("value".into(), Some(*value)),
        Value::Histogram(histogram) => {
            for bucket in &histogram.buckets {
                note(format!("up to {}", bucket.upper), Some(bucket.count as f64));
                note(
                    format!("exemplar {}", bucket.upper),
                    bucket.exemplar.as_ref().map(|exemplar| exemplar.value),
                );
            }
            note("sum".into(), histogram.sum);
            note("count".into(), Some(histogram.count() as f64));
        }
        Value::Summary(summary) => {
            for quantile in &summary.quantiles {
                note(format!("quantile {}", quantile.quantile), Some(quantile.value));
            }
            note("sum".into(), summary.sum);
            note("count".into(), summary.count.map(|count| count as f64));
        }
    }
    numbers
}

fn their_facts<T, V: RenderableMetricValue + Clone>(
    exposition: &MetricsExposition<T, V>,
    numbers: impl Fn(&V) -> Numbers,
    per_second: f64,
) -> Facts
where
    T: Clone,
{
    let mut facts = Facts::new();
    for (name, family) in &exposition.families {
        facts.insert(format!("{name} unit {}", family.unit));
        for sample in family.iter_samples() {
            let labels = their_labels(sample);
            let timestamp = sample.timestamp.map(|time| time / per_second);
            for (what, number) in numbers(&sample.value) {
                facts.insert(format!("{name}{labels:?} {what} {:?} at {:?}", number + 0.0, timestamp));
            }
        }
    }
    facts
}

fn their_labels<V: RenderableMetricValue + Clone>(sample: &Sample<V>) -> Vec<(String, String)> {
    let set = sample.get_labelset().unwrap();
    let mut labels: Vec<_> = set.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    labels.sort();
    labels
}

fn plain(number: &MetricNumber) -> Numbers {
    vec![("value".into(), number.as_f64())]
}

fn histogram(value: &HistogramValue) -> Numbers {
    let mut numbers = Numbers::new();
    for bucket in &value.buckets {
        numbers.push((format!("up to {}", bucket.upper_bound), bucket.count.as_f64()));
        let exemplar = bucket
            .exemplar
            .as_ref()
            .map(|exemplar| (format!("exemplar {}", bucket.upper_bound), exemplar.id));
        numbers.extend(exemplar);
    }
    numbers.extend(value.sum.as_ref().map(|sum| ("sum".into(), sum.as_f64())));
    numbers.extend(value.count.map(|count| ("count".into(), count as f64)));
    numbers.extend(value.created.map(|created| ("created".into(), created)));
    numbers
}

fn summary(value: &SummaryValue) -> Numbers {
    let quantiles = value
        .quantiles
        .iter()
        .map(|q| (format!("quantile {}", q.quantile), q.value.as_f64()));
    let mut numbers: Numbers = quantiles.collect();
    numbers.extend(value.sum.as_ref().map(|sum| ("sum".into(), sum.as_f64())));
    numbers.extend(value.count.map(|count| ("count".into(), count as f64)));
    numbers.extend(value.created.map(|created| ("created".into(), created)));
    numbers
}

fn open_numbers(value: &OpenMetricsValue) -> Numbers {
    match value {
        OpenMetricsValue::Unknown(number) | OpenMetricsValue::Gauge(number) | OpenMetricsValue::StateSet(number) => {
            plain(number)
        }
        OpenMetricsValue::Counter(counter) => {
            let mut numbers = plain(&counter.value);
            numbers.extend(counter.created.map(|created| ("created".into(), created)));
            numbers.extend(
                counter
                    .exemplar
                    .as_ref()
                    .map(|exemplar| ("exemplar".into(), exemplar.id)),
            );
            numbers
        }
        OpenMetricsValue::Histogram(value) | OpenMetricsValue::GaugeHistogram(value) => histogram(value),
        OpenMetricsValue::Info => vec![("value".into(), 1.0)],
        OpenMetricsValue::Summary(value) => summary(value),
    }
}

fn classic_numbers(value: &PrometheusValue) -> Numbers {
    match value {
        PrometheusValue::Unknown(number) | PrometheusValue::Gauge(number) => plain(number),
        PrometheusValue::Counter(counter) => plain(&counter.value),
        PrometheusValue::Histogram(value) => histogram(value),
        PrometheusValue::Summary(value) => summary(value),
    }
}

fn text(document: &Document, format: Format) -> String {
    String::from_utf8(write(document, format, Escaping::AllowUtf8)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn another_parser_reads_the_same_from_open_metrics(
        document in arbitrary::document(Format::OpenMetrics, Names::Plain).prop_map(tame),
    ) {
        let text = text(&document, Format::OpenMetrics);
        let theirs = parse_openmetrics(&text);
        prop_assert!(theirs.is_ok(), "{:?} in {}", theirs.err(), text);
        prop_assert_eq!(their_facts(&theirs.unwrap(), open_numbers, 1.0), our_facts(&document, Format::OpenMetrics));
    }

    #[test]
    fn another_parser_reads_the_same_from_0_0_4(document in arbitrary::document(Format::Prometheus, Names::Plain).prop_map(tame)) {
        let text = text(&document, Format::Prometheus);
        let theirs = parse_prometheus(&text);
        prop_assert!(theirs.is_ok(), "{:?} in {}", theirs.err(), text);
        prop_assert_eq!(their_facts(&theirs.unwrap(), classic_numbers, 1000.0), our_facts(&document, Format::Prometheus));
    }
}
