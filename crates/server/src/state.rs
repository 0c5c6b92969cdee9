//! What the hub holds. [`State`] belongs to the writer; [`Catalog`] is the part of it that readers see.

mod apply;
mod attributes;
mod cell;
mod check;
mod exposed_names;
mod family;
mod found;
mod idempotency;
mod limits;
mod locks;
mod owners;
mod read;
mod reserved;
mod slab;
mod spellings;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use nexus_metric::{Family, Name, plain_spelling};

pub(crate) use attributes::Attributes;
pub(crate) use cell::{Histogram, Stamp};
pub(crate) use family::{FamilyData, Value};
pub(crate) use idempotency::{Lookup, Retention, Used};
pub(crate) use limits::StoreLimits;
pub(crate) use owners::Owned;
pub(crate) use read::{Block, BlockId, Sample, Series};
pub(crate) use reserved::{is_hubs, is_reserved};

use self::{
    exposed_names::exposed_names,
    family::Place,
    idempotency::UsedKeys,
    locks::{read, write},
    owners::{OwnerId, Owners},
    spellings::Spellings,
};
use crate::write::{Applied, Idempotency};

/// Every family, by name. Readers and the writer share it.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    families: RwLock<BTreeMap<Name, Arc<FamilyData>>>,
    pub(crate) owners: Owners,
    pub(crate) used_keys: UsedKeys,
    spellings: Spellings,
    series: AtomicU64,
    series_bytes: AtomicU64,
}

impl Catalog {
    pub(crate) fn family(&self, name: &str) -> Option<Arc<FamilyData>> {
        read(&self.families).get(name).cloned()
    }

    /// The family that a name means, however it is spelled: the one of exactly that name, or else the one of its plain spelling,
    /// or of another with the same plain spelling.
    pub(crate) fn meant(&self, name: &str) -> Option<Name> {
        let plain = plain_spelling(name);
        let families = read(&self.families);
        let exact = |name: &str| families.get_key_value(name).map(|(name, _)| name.clone());
        exact(name)
            .or_else(|| exact(&plain))
            .or_else(|| self.spellings.name_of(&plain))
    }

    /// Whether a name, as it is spelled here, can mean a family of another name.
    pub(crate) fn may_mean_another(&self, name: &str) -> bool {
        !self.spellings.are_all_plain() || matches!(plain_spelling(name), Cow::Owned(_))
    }

    /// All families at this moment, sorted by name.
    pub(crate) fn families(&self) -> Vec<Arc<FamilyData>> {
        read(&self.families).values().cloned().collect()
    }

    /// Those from a name on whose names begin like this.
    pub(crate) fn families_from(&self, first: Bound<&str>, prefix: &str) -> Vec<Arc<FamilyData>> {
        let first = match first {
            Bound::Included(name) | Bound::Excluded(name) if name >= prefix => first,
            _ => Bound::Included(prefix),
        };
        let families = read(&self.families);
        let from_there = families.range::<str, _>((first, Bound::Unbounded));
        from_there
            .take_while(|(name, _)| name.as_str().starts_with(prefix))
            .map(|(_, family)| family.clone())
            .collect()
    }

    pub(crate) fn families_len(&self) -> usize {
        read(&self.families).len()
    }

    /// How many series there are in all.
    pub(crate) fn series_len(&self) -> u64 {
        self.series.load(Ordering::Relaxed)
    }

    /// What they take, about.
    pub(crate) fn series_bytes(&self) -> u64 {
        self.series_bytes.load(Ordering::Relaxed)
    }

    fn lost(&self, family: &FamilyData, owner: OwnerId, labels: &str) {
        let bytes = FamilyData::series_bytes(&family.family, labels);
        self.owners.lost(owner, bytes);
        self.series.fetch_sub(1, Ordering::Relaxed);
        self.series_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The state with all that only the writer needs.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) catalog: Arc<Catalog>,
    by_name: HashMap<Name, Arc<FamilyData>, foldhash::fast::FixedState>,
    /// Every name that a scrape may show, and the family it belongs to.
    exposed: HashMap<Box<str>, Name>,
}

/// A series as a snapshot tells it.
#[derive(Debug)]
pub(crate) struct RestoredSeries<'a> {
    pub(crate) labels: &'a str,
    pub(crate) owner: Arc<str>,
    pub(crate) created_ms: u64,
    pub(crate) value: Value,
    pub(crate) attributes: Attributes,
}

impl State {
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.clone()
    }

    pub(crate) fn family(&self, name: &str) -> Option<&Arc<FamilyData>> {
        self.by_name.get(name)
    }

    /// The first name that `family` would expose and another family exposes already, with that other family.
    pub(crate) fn collision(&self, family: &Family) -> Option<(Box<str>, &Name)> {
        exposed_names(family).into_iter().find_map(|exposed| {
            let by = self.exposed.get(&exposed).filter(|by| **by != family.name)?;
            Some((exposed, by))
        })
    }

    /// Makes a family. The caller has seen that there is none of that name, and no collision.
    pub(crate) fn define(&mut self, family: Family, defined: Stamp) -> Arc<FamilyData> {
        let name = family.name.clone();
        for exposed in exposed_names(&family) {
            self.exposed.insert(exposed, name.clone());
        }
        let data = Arc::new(FamilyData::new(family, defined));
        self.by_name.insert(name.clone(), data.clone());
        self.catalog.spellings.insert(&name);
        write(&self.catalog.families).insert(name, data.clone());
        data
    }

    /// Removes a family with all its series; gives how many those were.
    pub(crate) fn undefine(&mut self, name: &str) -> u64 {
        let Some(data) = self.by_name.remove(name) else {
            return 0;
        };
        write(&self.catalog.families).remove(name);
        self.catalog.spellings.remove(name);
        for exposed in exposed_names(&data.family) {
            self.exposed.remove(&exposed);
        }
        let mut removed = 0;
        for block in data.blocks() {
            block.for_each(|series| {
                self.catalog.lost(&data, series.owner, series.labels);
                removed += 1;
            });
        }
        if let Some(owner) = data.owner() {
            self.catalog.owners.lost_family(owner);
        }
        removed
    }

    /// Makes a series that is not there.
    pub(crate) fn insert(
        &self,
        family: &FamilyData,
        labels: &str,
        owner: &str,
        created_ms: u64,
        value: Value,
    ) -> Place {
        let owner = self.catalog.owners.id(owner);
        let place = family.insert(labels, owner, created_ms, value);
        let bytes = FamilyData::series_bytes(&family.family, labels);
        self.catalog.owners.gained(owner, bytes, family.begins_with(owner));
        self.catalog.series.fetch_add(1, Ordering::Relaxed);
        self.catalog.series_bytes.fetch_add(bytes, Ordering::Relaxed);
        place
    }

    /// Removes a series if it is there.
    pub(crate) fn remove(&self, family: &FamilyData, labels: &str) -> bool {
        let Some(entry) = family.remove(labels) else {
            return false;
        };
        self.catalog.lost(family, entry.owner, labels);
        true
    }

    /// Keeps the idempotency key of a write that happened, with what its answer said.
    pub(crate) fn keep_key(&self, idempotency: Idempotency, applied: &Applied, at_ms: u64) {
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let used = Used {
            idempotency,
            sequence: applied.sequence,
            at_ms,
            created: small(applied.created),
            deleted: small(applied.deleted),
        };
        self.restore_key(used, small(applied.refused));
    }

    /// Puts back an idempotency key from a snapshot; `refused` is how many changes of its write were.
    pub(crate) fn restore_key(&self, used: Used, refused: u32) {
        self.catalog.used_keys.keep(used, refused);
    }

    /// Puts back a series from a snapshot; `false` if one with its labels is there that is as new. An older one may be: the series
    /// was removed and made anew while the snapshot was written, and stood first in one slab and then in another.
    pub(crate) fn restore(&self, family: &FamilyData, series: RestoredSeries<'_>) -> bool {
        if let Some(there) = family.find(series.labels) {
            if there.sequence() >= series.value.stamp().sequence {
                return false;
            }
            self.remove(family, series.labels);
        }
        let place = self.insert(family, series.labels, &series.owner, series.created_ms, series.value);
        family.restore_attributes(&place, series.attributes);
        true
    }
}
