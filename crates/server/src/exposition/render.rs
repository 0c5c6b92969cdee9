//! A block of series as lines of text.

use nexus_metric::text::{Extra, Lines, Suffix, number};

use crate::{
    own_metrics::{OwnFamily, OwnSample, OwnValue},
    store::view::{Histogram, Sample, Shown, ShownBlock},
};

/// Whether `_created` samples are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Created {
    Shown,
    Hidden,
}

/// Appends the lines of a block's series, without the family's header.
pub(super) fn block(out: &mut Vec<u8>, lines: &Lines<'_>, stored: &ShownBlock, created: Created) {
    let bounds = stored.family.family.buckets.bounds();
    stored.block.for_each(|series| {
        if !stored.shown.shows(series.labels) {
            return;
        }
        match series.sample() {
            Some(Sample::Number(value)) => lines.value(out, series.labels, value),
            Some(Sample::Histogram(value)) => histogram(out, lines, series.labels, bounds, &value),
            None => return,
        }
        if created == Created::Shown {
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds since 1970 stay below 2^53 for 280 000 years"
            )]
            lines.created(out, series.labels, series.created_ms as f64 / 1000.0);
        }
    });
}

fn histogram(out: &mut Vec<u8>, lines: &Lines<'_>, labels: &str, bounds: &[f64], value: &Histogram) {
    let mut cumulative = 0u64;
    let bounds = bounds.iter().copied().chain([f64::INFINITY]);
    for (bound, count) in bounds.zip(&value.counts) {
        cumulative = cumulative.saturating_add(*count);
        lines.start(out, Suffix::Bucket, labels, Extra::Le(bound));
        number::write_count(out, cumulative);
        out.push(b'\n');
    }
    lines.start(out, Suffix::Sum, labels, Extra::None);
    number::write(out, value.sum);
    out.push(b'\n');
    lines.start(out, Suffix::Count, labels, Extra::None);
    number::write_count(out, cumulative);
    out.push(b'\n');
}

/// Appends a family of the hub's own, header included.
pub(super) fn own(out: &mut Vec<u8>, lines: &Lines<'_>, family: &OwnFamily, shown: &Shown) {
    let samples: Vec<&OwnSample> = family
        .samples
        .iter()
        .filter(|sample| shown.shows(sample.labels.as_text()))
        .collect();
    if samples.is_empty() {
        return;
    }
    lines.header(out);
    for sample in samples {
        let labels = sample.labels.as_text();
        match &sample.value {
            OwnValue::Number(value) => lines.value(out, labels, *value),
            OwnValue::Histogram { buckets, sum, count } => {
                let mut below = 0;
                let counts = buckets
                    .iter()
                    .map(|(_, cumulative)| cumulative - std::mem::replace(&mut below, *cumulative));
                let mut counts: Vec<u64> = counts.collect();
                counts.push(count.saturating_sub(below));
                let bounds: Vec<f64> = buckets.iter().map(|(bound, _)| *bound).collect();
                let value = Histogram {
                    counts: counts.into(),
                    sum: *sum,
                    ..Histogram::default()
                };
                histogram(out, lines, labels, &bounds, &value);
            }
        }
    }
}
