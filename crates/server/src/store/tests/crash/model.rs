//! What the hub should hold, as a plain interpreter of changes. It shares no code with the store.

use std::collections::BTreeMap;

/// What is there after some number of writes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Model {
    pub(super) families: BTreeMap<&'static str, Family>,
    /// The idempotency keys that were used.
    pub(super) keys: BTreeMap<u8, Used>,
    /// The number of the last change.
    pub(super) sequence: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    pub(super) kind: Kind,
    /// By the label `l`; empty if there is none.
    pub(super) series: BTreeMap<&'static str, Series>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) owner: &'static str,
    pub(super) value: Value,
    /// The number of its last change; one less if it was only made.
    pub(super) changed: u64,
    pub(super) group: Option<&'static str>,
    pub(super) expires: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    /// Counts up to [`BOUNDS`] and beyond, and the sum.
    Histogram([u64; 3], f64),
}

/// The buckets of every histogram.
pub(super) const BOUNDS: [f64; 2] = [1.0, 2.0];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Gauge,
    Counter,
    Histogram,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Used {
    pub(super) request: u8,
    pub(super) created: u64,
    pub(super) deleted: u64,
    pub(super) refused: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) owner: &'static str,
    /// Idempotency key and request.
    pub(super) key: Option<(u8, u8)>,
    /// Whether the good changes happen if others are refused.
    pub(super) each: bool,
    pub(super) changes: Vec<Change>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) family: &'static str,
    pub(super) label: &'static str,
    /// Makes the family if it is missing.
    pub(super) define: Option<Kind>,
    pub(super) group: Option<&'static str>,
    /// 0 for never.
    pub(super) expires: Option<u64>,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Create,
    Set(f64),
    Add(f64),
    Observe(f64),
    Merge([u64; 3], f64),
    Delete,
    DeleteFamily,
    /// Every series with this label, of all families.
    DeleteLabelled,
    /// Every family of this name, by a selector.
    DeleteNamed,
    /// The series, if it had this or a newer change so many changes ago; what that is, is seen when the write is sent.
    ExpireAgo(u64),
    /// The series, if this is still the number of its last change.
    Expire(u64),
}

/// What the answer to a write should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Applied {
        created: u64,
        deleted: u64,
        /// By their places.
        refused: Vec<usize>,
    },
    Replayed {
        created: u64,
        deleted: u64,
        refused: u64,
    },
    KeyReused,
    Refused,
}

impl Model {
    /// The write as it is sent when this is there.
    pub(super) fn resolve(&self, write: &Write) -> Write {
        let mut write = write.clone();
        for change in &mut write.changes {
            if let What::ExpireAgo(ago) = change.what {
                let family = self.families.get(change.family);
                let series = family.and_then(|family| family.series.get(change.label));
                let changed = series.map_or(self.sequence, |series| series.changed);
                change.what = What::Expire(changed.saturating_sub(ago));
            }
        }
        write
    }

    /// The answer to a write, and what is there afterwards if it happens.
    pub(super) fn write(&self, write: &Write) -> (Answer, Option<Model>) {
        if let Some(used) = write.key.and_then(|(key, _)| self.keys.get(&key)) {
            let Used {
                created,
                deleted,
                refused,
                ..
            } = *used;
            let replayed = Answer::Replayed {
                created,
                deleted,
                refused,
            };
            return match write.key {
                Some((_, request)) if request == used.request => (replayed, None),
                _ => (Answer::KeyReused, None),
            };
        }
        let mut after = self.clone();
        let (mut created, mut deleted, mut refused) = (0, 0, Vec::new());
        for (place, change) in write.changes.iter().enumerate() {
            let before = (after.clone(), created, deleted);
            after.sequence += 1;
            if after.change(change, write.owner, &mut created, &mut deleted).is_none() {
                (after, created, deleted) = before;
                refused.push(place);
            }
        }
        let nothing_left = !refused.is_empty() && refused.len() == write.changes.len();
        if nothing_left || !(refused.is_empty() || write.each) {
            return (Answer::Refused, None);
        }
        after.sequence += u64::from(write.changes.is_empty());
        if let Some((key, request)) = write.key {
            let used = Used {
                request,
                created,
                deleted,
                refused: refused.len() as u64,
            };
            after.keys.insert(key, used);
        }
        let applied = Answer::Applied {
            created,
            deleted,
            refused,
        };
        (applied, Some(after))
    }

    fn change(&mut self, change: &Change, owner: &'static str, created: &mut u64, deleted: &mut u64) -> Option<()> {
        match change.what {
            What::Delete => {
                self.families.get_mut(change.family)?.series.remove(change.label)?;
                *deleted += 1;
            }
            What::DeleteFamily => *deleted += self.families.remove(change.family)?.series.len() as u64,
            What::DeleteNamed => {
                *deleted += self
                    .families
                    .remove(change.family)
                    .map_or(0, |family| family.series.len() as u64);
            }
            What::DeleteLabelled => {
                let gone = self
                    .families
                    .values_mut()
                    .filter_map(|family| family.series.remove(change.label));
                *deleted += gone.count() as u64;
            }
            What::Expire(sequence) => {
                if let Some(family) = self.families.get_mut(change.family)
                    && family
                        .series
                        .get(change.label)
                        .is_some_and(|series| series.changed == sequence)
                {
                    family.series.remove(change.label);
                    *deleted += 1;
                }
            }
            What::ExpireAgo(_) => unreachable!("it was resolved"),
            What::Create | What::Set(_) | What::Add(_) | What::Observe(_) | What::Merge(..) => {
                self.store(change, owner, created)?;
            }
        }
        Some(())
    }

    fn store(&mut self, change: &Change, owner: &'static str, created: &mut u64) -> Option<()> {
        if !self.families.contains_key(change.family) {
            let (kind, series) = (change.define?, BTreeMap::new());
            self.families.insert(change.family, Family { kind, series });
        }
        let family = self.families.get_mut(change.family)?;
        if change.define.is_some_and(|kind| kind != family.kind) {
            return None;
        }
        let zero = match family.kind {
            Kind::Histogram => Value::Histogram([0; 3], 0.0),
            Kind::Gauge | Kind::Counter => Value::Number(0.0),
        };
        let old = family.series.get(change.label).map(|series| series.value.clone());
        *created += u64::from(old.is_none());
        let old = old.unwrap_or(zero);
        let new = match (&old, change.what) {
            (_, What::Create) => old.clone(),
            (Value::Number(_), What::Set(value)) => Value::Number(value),
            (Value::Number(old), What::Add(delta)) => Value::Number(old + delta),
            (Value::Histogram(counts, sum), What::Observe(value)) => {
                let mut counts = *counts;
                counts[BOUNDS.iter().filter(|bound| value > **bound).count()] += 1;
                Value::Histogram(counts, sum + value)
            }
            (Value::Histogram(counts, sum), What::Merge(more, value)) => {
                Value::Histogram(std::array::from_fn(|n| counts[n] + more[n]), sum + value)
            }
            _ => return None,
        };
        if family.kind == Kind::Counter
            && let (Value::Number(old), Value::Number(new)) = (&old, &new)
            && new < old
        {
            return None;
        }
        let sequence = self.sequence;
        let series = family.series.entry(change.label).or_insert(Series {
            owner,
            value: new.clone(),
            changed: sequence - 1,
            group: None,
            expires: None,
        });
        series.value = new;
        series.group = change.group.or(series.group);
        if let Some(after) = change.expires {
            series.expires = (after > 0).then_some(after);
        }
        if !matches!(change.what, What::Create) || change.group.is_some() || change.expires.is_some() {
            series.changed = sequence;
        }
        Some(())
    }
}
