//! How changes change the state: pure, synchronous, total. Live writes and replayed ones take the same way.

mod op;

use std::{iter::Peekable, ops::Deref, sync::Arc};

use nexus_metric::{Kind, Labels};

use super::{
    State,
    cell::{Histogram, Stamp},
    family::{FamilyData, Place, Value},
    found::FoundSeries,
    slab::Slab,
};
use crate::{
    selector::Selector,
    write::{Applied, Change, Op, RecordedWrite, Target, Write},
};

impl State {
    /// Applies a write that was checked before. Its changes get the sequences from `first` on.
    ///
    /// What is as new as the change already stays as it is: a snapshot is taken while writers go on, so it may hold what
    /// the journal tells again. A change that finds nothing to act on does nothing, since a later one took it away.
    pub(crate) fn apply(&mut self, write: &Write<'_>, first: u64, at_ms: u64) -> Applied {
        let mut run = Run::begin(&write.owner, Stamp { sequence: first, at_ms });
        self.apply_some(&write.changes, Slots::ToBeFound, &mut run);
        run.end(first, write.refused.len() as u64)
    }

    /// The same with the series that were found for the check.
    pub(crate) fn apply_checked(&mut self, write: &Write<'_>, found: &FoundSeries, first: u64, at_ms: u64) -> Applied {
        if write.changes.iter().any(|change| change.target().is_none()) {
            // It takes series away: what was found may not be there any more when its change comes.
            return self.apply(write, first, at_ms);
        }
        let mut run = Run::begin(&write.owner, Stamp { sequence: first, at_ms });
        self.apply_some(&write.changes, Slots::Found(found.slots()), &mut run);
        run.end(first, write.refused.len() as u64)
    }

    /// The same with a write that was checked in an earlier life.
    pub(crate) fn apply_recorded(&mut self, write: &RecordedWrite<'_>, first: u64, at_ms: u64) -> Applied {
        let mut run = Run::begin(write.owner, Stamp { sequence: first, at_ms });
        self.apply_some(&write.changes, Slots::ToBeFound, &mut run);
        run.end(first, write.refused)
    }

    fn apply_some(&mut self, changes: &[Change<'_>], mut slots: Slots<'_>, run: &mut Run<'_>) {
        let mut found = Vec::new();
        for of_one_family in changes.chunk_by(Change::is_of_the_same_family) {
            let slots = match &mut slots {
                Slots::Found(all) => {
                    let (slots, rest) = all.split_at_checked(of_one_family.len()).unwrap_or((*all, &[]));
                    *all = rest;
                    slots
                }
                Slots::ToBeFound => {
                    found.clear();
                    self.find_series(of_one_family, &mut found);
                    &found
                }
            };
            self.apply_found(of_one_family, slots, run);
        }
    }

    /// Looks for the series of changes of one family: each one's slot, or `None` if it is not there.
    fn find_series(&self, changes: &[Change<'_>], found: &mut Vec<Option<u32>>) {
        let mut targets = changes.iter().filter_map(Change::target).peekable();
        if let Some(family) = targets.peek().and_then(|target| self.family(target.family.as_str())) {
            family.find_all(targets.map(|target| target.labels.as_str()), found);
        }
    }

    /// Applies changes of one family, whose series are at the slots in `found` if they were there before. None of the
    /// changes takes a series away, unless it is the only one.
    fn apply_found(&mut self, changes: &[Change<'_>], found: &[Option<u32>], run: &mut Run<'_>) {
        let slots = found.iter().copied().chain(std::iter::repeat(None));
        let mut changes = changes.iter().zip(slots).peekable();
        while let Some((change, _)) = changes.peek() {
            if let Some(family) = change.target().and_then(|target| self.family(target.family.as_str())) {
                run.change_known(family, &mut changes);
            }
            // It stopped at a series that is not known, if not at the end.
            if let Some((change, _)) = changes.next() {
                self.apply_one(change, run);
            }
        }
    }

    fn apply_one(&mut self, change: &Change<'_>, run: &mut Run<'_>) {
        match change {
            Change::Series(target, op) => self.change(target, op, run),
            Change::Delete { family, labels: None } => {
                if self.is_older(family.as_str(), run.stamp) {
                    run.applied.deleted += self.undefine(family.as_str());
                }
            }
            Change::Delete {
                family,
                labels: Some(labels),
            } => self.delete_series(family.as_str(), labels.as_str(), run),
            Change::DeleteMatching { selector, prefix } => self.delete_matching(selector, prefix, run),
            Change::Expire {
                family,
                labels,
                sequence,
            } => self.expire(family.as_str(), labels.as_str(), *sequence, run),
        }
        run.next();
    }

    /// Finds or makes the series, and changes it unless it is as new as the change.
    fn change(&mut self, target: &Target<'_>, op: &Op, run: &mut Run<'_>) {
        let stamp = run.stamp;
        let Some(family) = self.find_or_define(target, stamp) else {
            return;
        };
        if family.defined.sequence > stamp.sequence {
            // The family that the change was about was removed later, and this is another one of the same name.
            return;
        }
        let labels = target.labels.as_str();
        let place = family.find(labels).unwrap_or_else(|| {
            run.applied.created += 1;
            let before = Stamp {
                sequence: stamp.sequence.saturating_sub(1),
                ..stamp
            };
            self.insert(&family, labels, run.owner, stamp.at_ms, zero(&family, before))
        });
        change_series(&family, &place, target, op, stamp);
    }

    fn find_or_define(&mut self, target: &Target<'_>, stamp: Stamp) -> Option<Arc<FamilyData>> {
        if let Some(family) = self.family(target.family.as_str()) {
            return Some(family.clone());
        }
        let family = target.define.definition()?.family(target.family.name());
        Some(self.define(family, stamp))
    }

    fn is_older(&self, name: &str, stamp: Stamp) -> bool {
        self.family(name)
            .is_some_and(|family| family.defined.sequence < stamp.sequence)
    }

    fn delete_series(&mut self, name: &str, labels: &str, run: &mut Run<'_>) {
        let Some(family) = self.family(name) else {
            return;
        };
        let old = family
            .find(labels)
            .is_some_and(|place| place.sequence() < run.stamp.sequence);
        if old && self.remove(family, labels) {
            run.applied.deleted += 1;
        }
    }

    /// Only what did not change since: a series that was removed meanwhile and made anew has a newer sequence, too.
    fn expire(&mut self, name: &str, labels: &str, sequence: u64, run: &mut Run<'_>) {
        let Some(family) = self.family(name) else {
            return;
        };
        let unchanged = family.find(labels).is_some_and(|place| place.sequence() == sequence);
        if unchanged && sequence < run.stamp.sequence && self.remove(family, labels) {
            run.applied.deleted += 1;
        }
    }

    /// A selector that looks at names only removes families whole. Otherwise families stay, even without series: whether
    /// one is empty depends on changes that a snapshot may have seen already and that replay could not tell apart.
    fn delete_matching(&mut self, selector: &Selector, prefix: &str, run: &mut Run<'_>) {
        let families = self.catalog.families();
        let meant = |family: &&Arc<FamilyData>| {
            let name = family.family.name.as_str();
            name.starts_with(prefix) && selector.matches_name(name)
        };
        for family in families.iter().filter(meant) {
            let name = family.family.name.as_str();
            if selector.is_name_only() {
                if self.is_older(name, run.stamp) {
                    run.applied.deleted += self.undefine(name);
                }
                continue;
            }
            for labels in matching(family, selector) {
                self.delete_series(name, &labels, run);
            }
        }
    }
}

/// Where the series of changes stand.
enum Slots<'a> {
    /// They were looked up, and nothing was taken away since.
    Found(&'a [Option<u32>]),
    ToBeFound,
}

/// A write as far as it is applied.
struct Run<'a> {
    owner: &'a str,
    /// Of the next change.
    stamp: Stamp,
    applied: Applied,
}

impl<'a> Run<'a> {
    fn begin(owner: &'a str, first: Stamp) -> Self {
        Run {
            owner,
            stamp: first,
            applied: Applied {
                sequence: first.sequence,
                ..Applied::default()
            },
        }
    }

    fn next(&mut self) {
        self.applied.sequence = self.stamp.sequence;
        self.stamp.sequence += 1;
    }

    fn end(self, first: u64, refused: u64) -> Applied {
        Applied {
            changes: self.stamp.sequence - first,
            refused,
            ..self.applied
        }
    }

    /// Changes the series at the slots, up to the first change whose series has none. The locks are taken once.
    fn change_known<'c>(
        &mut self,
        family: &FamilyData,
        changes: &mut Peekable<impl Iterator<Item = (&'c Change<'c>, Option<u32>)>>,
    ) {
        let places = family.places();
        while let Some((Change::Series(target, op), Some(slot))) = changes.peek() {
            if let Some(place) = places.at(*slot)
                && family.defined.sequence <= self.stamp.sequence
            {
                change_series(family, &place, target, op, self.stamp);
            }
            self.next();
            changes.next();
        }
    }
}

/// Changes a series unless it is as new as the change. Its attributes come first: a snapshot that sees the value of the change
/// must see them, too, since replay will leave both as they are.
fn change_series<S: Deref<Target = Slab>>(
    family: &FamilyData,
    place: &Place<S>,
    target: &Target<'_>,
    op: &Op,
    stamp: Stamp,
) {
    if place.sequence() >= stamp.sequence {
        return;
    }
    family
        .attributes
        .put(place.slot(), target.group.as_ref(), target.expires);
    op::apply(op, family, place, stamp);
    // Also where no value was changed: from now on counts what was said. It must follow from the change alone, since a snapshot
    // may know attributes that are newer than the change.
    if target.has_attributes() && place.sequence() < stamp.sequence {
        place.touch(stamp);
    }
}

/// The label texts of a family's series that a selector matches.
pub(crate) fn matching(family: &FamilyData, selector: &Selector) -> Vec<Box<str>> {
    let mut found = Vec::new();
    for block in family.blocks() {
        block.for_each(|series| {
            let pairs: Vec<_> = Labels::pairs_of(series.labels).collect();
            if selector.matches_labels(&pairs) {
                found.push(series.labels.into());
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
