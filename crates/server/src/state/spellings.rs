//! Families whose names are not in their plain spelling, by that.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use nexus_metric::{Name, plain_spelling};

use super::locks::{read, write};

/// Which family a plain spelling means if none has it as its name. Nearly all names are plain, so there is mostly nothing in it.
#[derive(Debug, Default)]
pub(crate) struct Spellings {
    by_plain: RwLock<HashMap<Box<str>, Name>>,
    /// How many there are, for who only wants to know whether there are any.
    len: AtomicUsize,
}

impl Spellings {
    pub(super) fn insert(&self, name: &Name) {
        if let Cow::Owned(plain) = plain_spelling(name.as_str()) {
            let mut by_plain = write(&self.by_plain);
            // A state of a release that did not look may have two of them: the first stays the one that is meant.
            by_plain.entry(plain.into()).or_insert_with(|| name.clone());
            self.len.store(by_plain.len(), Ordering::Relaxed);
        }
    }

    pub(super) fn remove(&self, name: &str) {
        if let Cow::Owned(plain) = plain_spelling(name) {
            let mut by_plain = write(&self.by_plain);
            if by_plain.get(&*plain).is_some_and(|meant| meant.as_str() == name) {
                by_plain.remove(&*plain);
            }
            self.len.store(by_plain.len(), Ordering::Relaxed);
        }
    }

    pub(super) fn name_of(&self, plain: &str) -> Option<Name> {
        if self.are_all_plain() {
            return None;
        }
        read(&self.by_plain).get(plain).cloned()
    }

    pub(super) fn are_all_plain(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }
}
