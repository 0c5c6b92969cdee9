//! What few series have beside labels and value: a group, an expiry. Kept by slot, so that all others cost nothing.

use std::{
    collections::HashMap,
    sync::{
        RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use foldhash::fast::FixedState;

use super::locks::{read, write};
use crate::write::{Expires, GroupKey};

/// What a series belongs to, and how long it stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Attributes {
    /// The group that it was pushed with.
    pub(crate) group: Option<GroupKey>,
    /// How long after its last change it expires; none if it does not.
    pub(crate) expires_after_ms: Option<u64>,
}

/// The attributes of a family's series, by slot. The writer changes them, a snapshot reads them.
#[derive(Debug, Default)]
pub(crate) struct AttributeTable {
    /// Whether there ever were any: nobody need look, if not.
    used: AtomicBool,
    table: RwLock<HashMap<u32, Attributes, FixedState>>,
}

impl AttributeTable {
    /// Gives the series at a slot what a change says; what is `None` stays as it is. Only the writer may call this, before it
    /// puts the value that belongs to it.
    pub(super) fn put(&self, slot: u32, group: Option<&GroupKey>, expires: Option<Expires>) {
        if group.is_none() && expires.is_none() {
            return;
        }
        let known = self.get(slot);
        let mut attributes = known.clone().unwrap_or_default();
        if let Some(group) = group {
            attributes.group = Some(group.clone());
        }
        if let Some(expires) = expires {
            attributes.expires_after_ms = expires.ms();
        }
        if known.as_ref() != Some(&attributes) {
            self.set(slot, attributes);
        }
    }

    /// Gives the series at a slot these attributes and no others.
    pub(super) fn set(&self, slot: u32, attributes: Attributes) {
        if attributes == Attributes::default() {
            return self.remove(slot);
        }
        self.used.store(true, Ordering::Release);
        write(&self.table).insert(slot, attributes);
    }

    /// The series at the slot is gone.
    pub(super) fn remove(&self, slot: u32) {
        if self.used.load(Ordering::Acquire) {
            write(&self.table).remove(&slot);
        }
    }

    /// What the series at a slot has, if anything. Whoever looks at its value, too, must do that before.
    pub(crate) fn get(&self, slot: u32) -> Option<Attributes> {
        self.used
            .load(Ordering::Acquire)
            .then(|| read(&self.table).get(&slot).cloned())?
    }
}
