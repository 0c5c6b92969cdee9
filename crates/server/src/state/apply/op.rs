//! What an [`Op`] does to a series that is there.

use std::ops::Deref;

use nexus_metric::Kind;

use crate::{
    state::{FamilyData, Histogram, Stamp, family::Place, slab::Slab},
    write::{HistogramDelta, Op},
};

/// Does it. What does not fit the family's kind does nothing: it was refused when it came.
pub(super) fn apply<S: Deref<Target = Slab>>(op: &Op, family: &FamilyData, place: &Place<S>, stamp: Stamp) {
    let is_number = family.family.kind != Kind::Histogram;
    match op {
        Op::Set(value) if is_number => place.put_number(*value, stamp),
        Op::Add(delta) if is_number => place.put_number(place.number() + delta, stamp),
        Op::Ensure | Op::Set(_) | Op::Add(_) => {}
        Op::Observe(value) => {
            let bucket = family.family.buckets.index_of(*value);
            place.change_histogram(|histogram| histogram.observe(bucket, *value, stamp));
        }
        Op::Merge(delta) => place.change_histogram(|histogram| histogram.merge(delta, stamp)),
    }
}

impl Histogram {
    fn observe(&mut self, bucket: usize, value: f64, stamp: Stamp) {
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        self.sum += value;
        self.stamp = stamp;
    }

    fn merge(&mut self, delta: &HistogramDelta, stamp: Stamp) {
        for (count, more) in self.counts.iter_mut().zip(&delta.counts) {
            *count = count.saturating_add(*more);
        }
        self.sum += delta.sum;
        self.stamp = stamp;
    }
}
