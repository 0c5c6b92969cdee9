//! The names of those who made series.

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
    owners: Vec<(Arc<str>, u64)>,
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
        known.owners.push((name.clone(), 0));
        known.ids.insert(name, id);
        id
    }

    pub(crate) fn name(&self, id: OwnerId) -> Arc<str> {
        read(&self.0)
            .owners
            .get(id.0 as usize)
            .map_or_else(|| "".into(), |(name, _)| name.clone())
    }

    /// How many series an owner has.
    pub(crate) fn series(&self, name: &str) -> u64 {
        let known = read(&self.0);
        known
            .ids
            .get(name)
            .and_then(|id| known.owners.get(id.0 as usize))
            .map_or(0, |(_, series)| *series)
    }

    pub(super) fn gained(&self, id: OwnerId) {
        self.change(id, |series| series.saturating_add(1));
    }

    pub(super) fn lost(&self, id: OwnerId) {
        self.change(id, |series| series.saturating_sub(1));
    }

    fn change(&self, id: OwnerId, change: impl FnOnce(u64) -> u64) {
        if let Some((_, series)) = write(&self.0).owners.get_mut(id.0 as usize) {
            *series = change(*series);
        }
    }
}
