//! Writes a document in one of the formats.

use super::{
    Document, Escaping, Exemplar, Extra, Format, Header, Histogram, Lines, Metric, MetricFamily, Suffix, Summary,
    Value, finish, number,
};

/// Writes a whole document.
///
/// What the format cannot say is left out: in 0.0.4 units, exemplars and creation times. Only under
/// [`Escaping::AllowUtf8`] does reading the result give the same names again.
#[must_use]
pub fn write(document: &Document, format: Format, escaping: Escaping) -> Vec<u8> {
    let mut out = Vec::new();
    for family in &document.families {
        write_family(&mut out, family, format, escaping);
    }
    finish(&mut out, format);
    out
}

/// Appends one family, header and samples.
pub fn write_family(out: &mut Vec<u8>, family: &MetricFamily, format: Format, escaping: Escaping) {
    let header = Header {
        name: family.name.as_str(),
        kind: family.kind,
        help: &family.help,
        unit: &family.unit,
    };
    let lines = Lines::new(header, format, escaping);
    lines.header(out);
    for metric in &family.metrics {
        write_metric(out, &lines, metric);
    }
}

fn write_metric(out: &mut Vec<u8>, lines: &Lines<'_>, metric: &Metric) {
    match &metric.value {
        Value::Number(value) => {
            let exemplar = metric.exemplar.as_ref();
            line(
                out,
                lines,
                metric,
                (Suffix::Value, Extra::None),
                Num::Float(*value),
                exemplar,
            );
        }
        Value::Histogram(histogram) => write_histogram(out, lines, metric, histogram),
        Value::Summary(summary) => write_summary(out, lines, metric, summary),
    }
    if let Some(seconds) = metric.created.filter(|_| lines.has_created()) {
        // With the timestamp of the series, unlike Lines::created: all its samples agree in that.
        line(
            out,
            lines,
            metric,
            (Suffix::Created, Extra::None),
            Num::Float(seconds),
            None,
        );
    }
}

fn write_histogram(out: &mut Vec<u8>, lines: &Lines<'_>, metric: &Metric, histogram: &Histogram) {
    for bucket in &histogram.buckets {
        let place = (Suffix::Bucket, Extra::Le(bucket.upper));
        line(
            out,
            lines,
            metric,
            place,
            Num::Count(bucket.count),
            bucket.exemplar.as_ref(),
        );
    }
    sum_and_count(out, lines, metric, histogram.sum, Some(histogram.count()));
}

fn write_summary(out: &mut Vec<u8>, lines: &Lines<'_>, metric: &Metric, summary: &Summary) {
    for quantile in &summary.quantiles {
        let place = (Suffix::Value, Extra::Quantile(quantile.quantile));
        line(out, lines, metric, place, Num::Float(quantile.value), None);
    }
    sum_and_count(out, lines, metric, summary.sum, summary.count);
}

fn sum_and_count(out: &mut Vec<u8>, lines: &Lines<'_>, metric: &Metric, sum: Option<f64>, count: Option<u64>) {
    if let Some(sum) = sum {
        line(out, lines, metric, (Suffix::Sum, Extra::None), Num::Float(sum), None);
    }
    if let Some(count) = count {
        line(
            out,
            lines,
            metric,
            (Suffix::Count, Extra::None),
            Num::Count(count),
            None,
        );
    }
}

/// A value as it is to be spelled.
#[derive(Clone, Copy)]
enum Num {
    Float(f64),
    Count(u64),
}

fn line(
    out: &mut Vec<u8>,
    lines: &Lines<'_>,
    metric: &Metric,
    (suffix, extra): (Suffix, Extra),
    num: Num,
    exemplar: Option<&Exemplar>,
) {
    lines.start(out, suffix, metric.labels.as_text(), extra);
    match num {
        Num::Float(value) => number::write(out, value),
        Num::Count(count) => number::write_count(out, count),
    }
    if let Some(seconds) = metric.timestamp {
        lines.timestamp(out, seconds);
    }
    if let Some(exemplar) = exemplar {
        lines.exemplar(out, exemplar.labels.as_text(), exemplar.value, exemplar.timestamp);
    }
    out.push(b'\n');
}
