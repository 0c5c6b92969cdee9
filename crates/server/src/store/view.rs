//! The read side of the store: [`View`] is what everybody who shows the state looks through.
//!
//! Nothing is of one moment but what is said to be: writers go on while somebody reads, and never wait for a reader, unless series
//! come or go in the very block that is looked at.

mod blocks;
mod cursor;
mod filter;
mod page;
mod smallest;

use std::{collections::BTreeSet, ops::Bound, sync::Arc};

pub(crate) use blocks::{Blocks, ShownBlock};
pub(crate) use cursor::Cursor;
pub(crate) use filter::{Filter, Shown};
pub(crate) use page::ListedSeries;

use nexus_metric::{Labels, Name};

use crate::state::Catalog;
pub(crate) use crate::state::{Block, BlockId, FamilyData, Histogram, Owned, Sample, Value};

/// What the store holds, for readers. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(super) catalog: Arc<Catalog>,
}

/// What was asked for and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Family,
    Series,
}

impl View {
    pub(crate) fn of(catalog: Arc<Catalog>) -> Self {
        View { catalog }
    }

    /// The families of which a filter shows something, behind that name, by name.
    pub(crate) fn families(&self, filter: &Filter, after: Option<&str>) -> impl Iterator<Item = Arc<FamilyData>> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.shown(filter, first).map(|(family, _)| family)
    }

    /// The same from a name on, and what is shown of each.
    fn shown(&self, filter: &Filter, first: Bound<&str>) -> impl Iterator<Item = (Arc<FamilyData>, Shown)> {
        let families = self.catalog.families_from(first, filter.prefix()).into_iter();
        families.filter_map(|family| {
            let shown = filter.shown(&family.family);
            (!matches!(shown, Shown::Nothing)).then_some((family, shown))
        })
    }

    /// The name of the family that a name means, however it is spelled.
    pub(crate) fn meant(&self, name: &str) -> Option<Name> {
        self.catalog.meant(name)
    }

    /// Whether a name, as it is spelled here, can mean a family of another name.
    pub(crate) fn may_mean_another(&self, name: &str) -> bool {
        self.catalog.may_mean_another(name)
    }

    /// The value of one series.
    pub(crate) fn value(&self, name: &str, labels: &str) -> Result<Value, Missing> {
        let family = self.catalog.family(name).ok_or(Missing::Family)?;
        family.value(labels).ok_or(Missing::Series)
    }

    /// The names of the labels that the first series of a family have.
    pub(crate) fn label_names(&self, name: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        if let Some(block) = self.catalog.family(name).and_then(|family| family.block(0)) {
            block.for_each(|series| names.extend(Labels::pairs_of(series.labels).map(|(name, _)| name.into_owned())));
        }
        names
    }

    /// What a filter shows, a block after the other: the families as they are at this moment, by name, their series as they are
    /// when their turn comes.
    pub(crate) fn blocks(&self, filter: Filter) -> Blocks {
        let families = self.catalog.families_from(Bound::Unbounded, filter.prefix());
        Blocks::new(families, filter)
    }

    pub(crate) fn families_len(&self) -> usize {
        self.catalog.families_len()
    }

    /// How many series there are in all.
    pub(crate) fn series_len(&self) -> u64 {
        self.catalog.series_len()
    }

    /// What all series take of memory, about.
    pub(crate) fn series_bytes(&self) -> u64 {
        self.catalog.series_bytes()
    }

    /// What this owner has.
    pub(crate) fn owned_by(&self, owner: &str) -> Owned {
        self.catalog.owners.of(owner)
    }

    /// How many idempotency keys are known.
    pub(crate) fn keys_len(&self) -> usize {
        self.catalog.used_keys.len()
    }

    /// How many idempotency keys were forgotten.
    pub(crate) fn keys_evicted(&self) -> u64 {
        self.catalog.used_keys.evicted()
    }
}
