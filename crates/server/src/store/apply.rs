//! How changes change the state: pure, synchronous, total. Live writes and replayed ones take the same way.

use std::sync::Arc;

use nexus_metric::{Kind, Labels, Name};

use super::{
    cell::{Histogram, Stamp},
    family::{FamilyData, Place, Value},
    state::State,
};
use crate::{
    selector::Selector,
    write::{Applied, Change, HistogramDelta, Target, Write},
};

impl State {
    /// Applies a write that was checked before, now or in an earlier life. Its changes get the sequences from `first` on.
    ///
    /// What is as new as the change already stays as it is: a snapshot is taken while writers go on, so it may hold what
    /// the journal tells again. A change that finds nothing to act on does nothing, since a later one took it away.
    pub(crate) fn apply(&mut self, write: &Write, first: u64, at_ms: u64) -> Applied {
        let mut applied = Applied {
            sequence: first,
            created: 0,
            deleted: 0,
        };
        for (sequence, change) in (first..).zip(&write.changes) {
            applied.sequence = sequence;
            self.apply_change(change, &write.owner, Stamp { sequence, at_ms }, &mut applied);
        }
        applied
    }

    fn apply_change(&mut self, change: &Change, owner: &Arc<str>, stamp: Stamp, applied: &mut Applied) {
        match change {
            Change::Create { target } => self.change(target, owner, stamp, applied, |_, _| {}),
            Change::Set { target, value } => self.change_number(target, owner, stamp, applied, |_| *value),
            Change::Add { target, delta } => self.change_number(target, owner, stamp, applied, |old| old + delta),
            Change::Observe { target, value } => self.change(target, owner, stamp, applied, |family, place| {
                let bucket = family.family.buckets.index_of(*value);
                place.change_histogram(|histogram| histogram.observe(bucket, *value, stamp));
            }),
            Change::Merge { target, delta } => self.change(target, owner, stamp, applied, |_, place| {
                place.change_histogram(|histogram| histogram.merge(delta, stamp));
            }),
            Change::Delete { family, labels: None } => {
                if self.is_older(family, stamp) {
                    applied.deleted += self.undefine(family);
                }
            }
            Change::Delete {
                family,
                labels: Some(labels),
            } => self.delete_series(family, labels, stamp, applied),
            Change::DeleteMatching { selector, prefix } => self.delete_matching(selector, prefix, stamp, applied),
        }
    }

    fn change_number(
        &mut self,
        target: &Target,
        owner: &Arc<str>,
        stamp: Stamp,
        applied: &mut Applied,
        new: impl FnOnce(f64) -> f64,
    ) {
        self.change(target, owner, stamp, applied, |family, place| {
            if family.family.kind != Kind::Histogram {
                place.put_number(new(place.number()), stamp);
            }
        });
    }

    /// Finds or makes the series, and changes it unless it is as new as the change.
    fn change(
        &mut self,
        target: &Target,
        owner: &Arc<str>,
        stamp: Stamp,
        applied: &mut Applied,
        change: impl FnOnce(&FamilyData, &Place),
    ) {
        let Some(family) = self.find_or_define(target, stamp) else {
            return;
        };
        if family.defined.sequence > stamp.sequence {
            // The family that the change was about was removed later, and this is another one of the same name.
            return;
        }
        let labels = target.labels.as_text();
        let place = match family.find(labels) {
            Some(place) if place.sequence() >= stamp.sequence => return,
            Some(place) => place,
            None => {
                applied.created += 1;
                let before = Stamp {
                    sequence: stamp.sequence.saturating_sub(1),
                    ..stamp
                };
                self.insert(&family, labels, owner, stamp.at_ms, zero(&family, before))
            }
        };
        change(&family, &place);
    }

    fn find_or_define(&mut self, target: &Target, stamp: Stamp) -> Option<Arc<FamilyData>> {
        if let Some(family) = self.family(target.family.as_str()) {
            return Some(family.clone());
        }
        let family = target.define.as_ref()?.family(&target.family);
        Some(self.define(family, stamp))
    }

    fn is_older(&self, name: &Name, stamp: Stamp) -> bool {
        self.family(name.as_str())
            .is_some_and(|family| family.defined.sequence < stamp.sequence)
    }

    fn delete_series(&mut self, name: &Name, labels: &Labels, stamp: Stamp, applied: &mut Applied) {
        let Some(family) = self.family(name.as_str()) else {
            return;
        };
        let old = family
            .find(labels.as_text())
            .is_some_and(|place| place.sequence() < stamp.sequence);
        if old && self.remove(family, labels.as_text()) {
            applied.deleted += 1;
        }
    }

    /// A selector that looks at names only removes families whole. Otherwise families stay, even without series: whether
    /// one is empty depends on changes that a snapshot may have seen already and that replay could not tell apart.
    fn delete_matching(&mut self, selector: &Selector, prefix: &str, stamp: Stamp, applied: &mut Applied) {
        let families = self.catalog.families();
        let meant = |family: &&Arc<FamilyData>| {
            let name = family.family.name.as_str();
            name.starts_with(prefix) && selector.matches_name(name)
        };
        for family in families.iter().filter(meant) {
            if selector.is_name_only() {
                if self.is_older(&family.family.name, stamp) {
                    applied.deleted += self.undefine(&family.family.name);
                }
                continue;
            }
            for labels in matching(family, selector) {
                if let Ok(labels) = Labels::from_text(&labels) {
                    self.delete_series(&family.family.name, &labels, stamp, applied);
                }
            }
        }
    }
}

/// The label texts of a family's series that a selector matches.
pub(crate) fn matching(family: &FamilyData, selector: &Selector) -> Vec<Box<str>> {
    let mut found = Vec::new();
    for slab in family.slabs() {
        slab.look(|fixed| {
            for (_, _, text) in fixed.iter() {
                let pairs: Vec<_> = Labels::pairs_of(text).collect();
                if selector.matches_labels(&pairs) {
                    found.push(text.into());
                }
            }
        });
    }
    found
}

/// What a series holds when it comes into being. Its sequence is below the change that makes it, which follows: a snapshot
/// that sees the series in between must not keep replay from making the change.
fn zero(family: &FamilyData, stamp: Stamp) -> Value {
    match family.family.kind {
        Kind::Histogram => Value::Histogram(Histogram {
            counts: std::iter::repeat_n(0, family.family.buckets.bounds().len() + 1).collect(),
            sum: 0.0,
            stamp,
        }),
        _ => Value::Number(0.0, stamp),
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
