use nexus_metric::text::{Extra, Lines, Suffix, number};

use super::filter::Shown;
use crate::{
    own_metrics::{OwnFamily, OwnSample, OwnValue},
    state::{Cells, FamilyData, Histogram},
};

/// Whether `_created` samples are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Created {
    Shown,
    Hidden,
}

/// Appends the lines of one slab of a family; says whether there were any.
pub(super) fn slab(
    out: &mut Vec<u8>,
    lines: &Lines<'_>,
    family: &FamilyData,
    slab: usize,
    shown: &Shown<'_>,
    created: Created,
) -> Option<bool> {
    let slab = family.slab(slab)?;
    let before = out.len();
    slab.with_read(|fixed| {
        for (offset, entry, labels) in fixed.iter().filter(|(_, _, labels)| shown.shows(labels)) {
            match &slab.cells {
                Cells::Numbers(cells) => {
                    if let Some(cell) = cells.get(offset) {
                        lines.value(out, labels, cell.value());
                    }
                }
                Cells::Histograms(cells) => {
                    if let Some(cell) = cells.get(offset) {
                        let value = cell.with(|histogram| histogram.clone());
                        histogram(out, lines, labels, family.family.buckets.bounds(), &value);
                    }
                }
            }
            if created == Created::Shown {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "milliseconds since 1970 stay below 2^53 for 280 000 years"
                )]
                lines.created(out, labels, entry.created_ms as f64 / 1000.0);
            }
        }
    });
    Some(out.len() > before)
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
pub(super) fn own(out: &mut Vec<u8>, lines: &Lines<'_>, family: &OwnFamily, shown: &Shown<'_>) {
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
