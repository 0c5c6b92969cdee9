//! Documents of every shape that a format can say.

use std::collections::BTreeMap;

use nexus_metric::{
    Kind, Labels, Name,
    text::{Bucket, Document, Exemplar, Format, Histogram, Metric, MetricFamily, Quantile, Summary, Value},
};
use proptest::{collection::vec, option, prelude::*};

/// Which names and label sets a document may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Any UTF-8.
    Any,
    /// Only such as need no quotes; all series of a family have the same label names, and nothing is empty.
    Plain,
}

pub(crate) fn document(format: Format, names: Names) -> impl Strategy<Value = Document> {
    let fewest = usize::from(names == Names::Plain);
    vec(family(format, names), fewest..5).prop_map(|mut families| {
        for (at, family) in families.iter_mut().enumerate() {
            distinguish(family, at);
        }
        Document { families }
    })
}

/// Makes the family's name differ from that of every other family at another index, and from their samples' names.
fn distinguish(family: &mut MetricFamily, at: usize) {
    let mut name = format!("{}_{at}", family.name);
    if !family.unit.is_empty() {
        name = format!("{name}_{}", family.unit);
    }
    match family.kind {
        Kind::Counter => name.push_str("_total"),
        Kind::Info => name.push_str("_info"),
        _ => {}
    }
    if family.kind == Kind::StateSet {
        // The name is a label's, too: it must not be reserved, and an escaping would spell its colons in another way.
        name = format!("s{}", name.replace(':', "_"));
    }
    family.name = Name::new(&name).unwrap();
    if family.kind == Kind::StateSet {
        for (state, metric) in family.metrics.iter_mut().enumerate() {
            let pairs = [(name.clone(), format!("state {state}"))];
            metric.labels = Labels::from_pairs(pairs).unwrap();
        }
    }
}

fn family(format: Format, names: Names) -> impl Strategy<Value = MetricFamily> {
    let kinds = if format == Format::OpenMetrics {
        Kind::ALL.to_vec()
    } else {
        Kind::ALL[..5].to_vec()
    };
    let fewest = usize::from(names == Names::Plain);
    let head = (
        prop::sample::select(kinds),
        name(names),
        help(format),
        option::of("[a-z]{1,4}"),
    );
    head.prop_flat_map(move |(kind, name, help, unit)| {
        let unit = unit.filter(|_| format == Format::OpenMetrics && !matches!(kind, Kind::Info | Kind::StateSet));
        vec((labels(names), metric(format, names, kind)), fewest..4).prop_map(move |metrics| MetricFamily {
            name: Name::new(&name).unwrap(),
            kind,
            help: help.as_str().into(),
            unit: unit.clone().unwrap_or_default().into(),
            metrics: distinct(metrics),
        })
    })
}

fn distinct(metrics: Vec<(Labels, Metric)>) -> Vec<Metric> {
    let by_labels: BTreeMap<Labels, Metric> = metrics.into_iter().collect();
    by_labels
        .into_iter()
        .map(|(labels, metric)| Metric { labels, ..metric })
        .collect()
}

fn name(names: Names) -> BoxedStrategy<String> {
    match names {
        Names::Any => prop_oneof!["[a-zA-Z_:][a-zA-Z0-9_:]{0,6}", ".{1,9}", "[a-z.\"\\\\\n ]{1,6}"].boxed(),
        Names::Plain => "[a-zA-Z][a-zA-Z0-9_]{0,6}".boxed(),
    }
}

/// 0.0.4 cannot say that a help text begins with a blank.
fn help(format: Format) -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a\\\\\"\n ]{0,8}"].prop_map(move |help| match format {
        Format::Prometheus => help.trim_start_matches([' ', '\t']).to_owned(),
        Format::OpenMetrics => help,
    })
}

fn labels(names: Names) -> BoxedStrategy<Labels> {
    let value = prop_oneof![any::<String>(), "[a,={}\\\\\"\n ]{0,6}"];
    match names {
        Names::Any => {
            let name = prop_oneof!["[a-zA-Z_][a-zA-Z0-9_]{0,6}", "[ab.,=\"\\\\\n]{1,4}", any::<String>()];
            let name = name.prop_filter("not a label", |name| {
                !name.is_empty() && !name.starts_with("__") && name != "le" && name != "quantile"
            });
            prop::collection::btree_map(name, value, 0..4)
                .prop_map(|map| Labels::from_pairs(map).unwrap())
                .boxed()
        }
        Names::Plain => ("[a-z]{1,3}", "[a-z]{1,3}")
            .prop_map(|(a, b)| Labels::from_pairs([("a", a), ("b", b)]).unwrap())
            .boxed(),
    }
}

fn metric(format: Format, names: Names, kind: Kind) -> impl Strategy<Value = Metric> {
    let open = format == Format::OpenMetrics;
    let created = open && matches!(kind, Kind::Counter | Kind::Histogram | Kind::Summary);
    let example = open && kind == Kind::Counter;
    let parts = (
        value(format, names, kind),
        option::of(seconds(format)),
        option::of(seconds(format)),
        option::of(exemplar(names)),
    );
    parts.prop_map(move |(value, timestamp, began, exemplar)| Metric {
        labels: Labels::none(),
        value,
        timestamp,
        created: began.filter(|_| created),
        exemplar: exemplar.filter(|_| example),
    })
}

fn seconds(format: Format) -> BoxedStrategy<f64> {
    match format {
        Format::Prometheus => (-(1_i64 << 50)..=1 << 50).prop_map(|ms| ms as f64 / 1000.0).boxed(),
        Format::OpenMetrics => finite().boxed(),
    }
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |value| value.is_finite())
}

/// Any bits, but one NaN: the text has no others.
fn number() -> impl Strategy<Value = f64> {
    let special = prop::sample::select(vec![0.0, -0.0, 1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
    prop_oneof![any::<f64>(), special, -1000.0..1000.0].prop_map(|v| if v.is_nan() { f64::NAN } else { v })
}

fn value(format: Format, names: Names, kind: Kind) -> BoxedStrategy<Value> {
    let strict = format == Format::OpenMetrics;
    match kind {
        Kind::Counter if strict => number()
            .prop_map(|v| Value::Number(if v.is_nan() { 0.0 } else { v.abs() }))
            .boxed(),
        Kind::Info => Just(Value::Number(1.0)).boxed(),
        Kind::StateSet => any::<bool>()
            .prop_map(|on| Value::Number(f64::from(u8::from(on))))
            .boxed(),
        Kind::Histogram | Kind::GaugeHistogram => histogram(strict, names).prop_map(Value::Histogram).boxed(),
        Kind::Summary => summary(strict).prop_map(Value::Summary).boxed(),
        _ => number().prop_map(Value::Number).boxed(),
    }
}

fn histogram(exemplars: bool, names: Names) -> impl Strategy<Value = Histogram> {
    let counts = vec((any::<u32>(), option::of(exemplar(names))), 1..5);
    (counts, vec(finite(), 4), option::of(number())).prop_map(move |(counts, mut bounds, sum)| {
        bounds.truncate(counts.len() - 1);
        bounds.sort_by(f64::total_cmp);
        bounds.push(f64::INFINITY);
        let mut total = 0;
        let mut buckets = Vec::new();
        for ((count, exemplar), upper) in counts.into_iter().zip(bounds) {
            total += u64::from(count) << 20;
            buckets.push(Bucket {
                upper: upper + 0.0,
                count: total,
                exemplar: exemplar.filter(|_| exemplars),
            });
        }
        buckets.dedup_by(|a, b| a.upper == b.upper);
        Histogram { buckets, sum }
    })
}

fn summary(strict: bool) -> impl Strategy<Value = Summary> {
    let quantiles = prop::collection::btree_map(0..=100_u8, number(), 0..4);
    (quantiles, option::of(number()), any::<u64>()).prop_map(move |(quantiles, sum, count)| {
        let quantiles = quantiles.into_iter().map(|(percent, value)| {
            let value = if strict && value < 0.0 { -value } else { value };
            Quantile {
                quantile: f64::from(percent) / 100.0,
                value,
            }
        });
        Summary {
            quantiles: quantiles.collect(),
            sum,
            count: Some(count),
        }
    })
}

fn exemplar(names: Names) -> impl Strategy<Value = Exemplar> {
    let labels = match names {
        Names::Any => ("[a-z. ]{1,9}", ".{0,30}").boxed(),
        Names::Plain => ("[a-z]{1,9}", "[a-z]{1,30}").boxed(),
    };
    let labels = labels.prop_map(|pair| Labels::from_pairs([pair]).unwrap());
    (labels, number(), option::of(finite())).prop_map(|(labels, value, timestamp)| Exemplar {
        labels,
        value,
        timestamp,
    })
}
