//! The names of those who made series, and how much each of them has.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use super::locks::{read, write};

/// Stands for an owner's name in a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct OwnerId(u32);

/// The owners of series, each with how many it has. Names are never forgotten: there are few.
#[derive(Debug, Default)]
pub(crate) struct Owners(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    ids: HashMap<Arc<str>, OwnerId>,
    owners: Vec<(Arc<str>, Owned)>,
}

/// What one owner has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Owned {
    pub(crate) series: u64,
    /// What those take, about: [`FamilyData::series_bytes`](super::FamilyData::series_bytes).
    pub(crate) series_bytes: u64,
    /// Families whose first series is theirs.
    pub(crate) families: u64,
}

impl Owners {
    /// The id of a name, made if there is none.
    pub(crate) fn id(&self, name: &str) -> OwnerId {
        if let Some(id) = read(&self.0).ids.get(name) {
            return *id;
        }
        let mut known = write(&self.0);
        let id = OwnerId(u32::try_from(known.owners.len()).unwrap_or(u32::MAX));
        let name: Arc<str> = name.into();
        known.owners.push((name.clone(), Owned::default()));
        known.ids.insert(name, id);
        id
    }

    pub(crate) fn name(&self, id: OwnerId) -> Arc<str> {
        read(&self.0)
            .owners
            .get(id.0 as usize)
            .map_or_else(|| "".into(), |(name, _)| name.clone())
    }

    /// What an owner has.
    pub(crate) fn of(&self, name: &str) -> Owned {
        let known = read(&self.0);
        let found = known.ids.get(name).and_then(|id| known.owners.get(id.0 as usize));
        found.map_or_else(Owned::default, |(_, owned)| *owned)
    }

    /// A series more, of so many bytes; with it a family, if it is the first one of its.
    pub(super) fn gained(&self, id: OwnerId, bytes: u64, is_first: bool) {
        self.change(id, |owned| Owned {
            series: owned.series + 1,
            series_bytes: owned.series_bytes + bytes,
            families: owned.families + u64::from(is_first),
        });
    }

    pub(super) fn lost(&self, id: OwnerId, bytes: u64) {
        self.change(id, |owned| Owned {
            series: owned.series.saturating_sub(1),
            series_bytes: owned.series_bytes.saturating_sub(bytes),
            ..owned
        });
    }

    pub(super) fn lost_family(&self, id: OwnerId) {
        self.change(id, |owned| Owned {
            families: owned.families.saturating_sub(1),
            ..owned
        });
    }

    fn change(&self, id: OwnerId, change: impl FnOnce(Owned) -> Owned) {
        if let Some((_, owned)) = write(&self.0).owners.get_mut(id.0 as usize) {
            *owned = change(*owned);
        }
    }
}
