//! All subjects by name.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, atomic::Ordering},
};

use crate::{Limits, Mode, RegisterError, Subject, UnknownSubject, context::Context, dirty::DirtyList, entry::Entry};

/// All subjects by name.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    by_name: RwLock<HashMap<Subject, Arc<Entry>>>,
    /// Those that have counted since the last checkpoint.
    pub(crate) dirty: Arc<DirtyList<Entry>>,
}

impl Entries {
    pub(crate) fn register(
        &self,
        subject: &Subject,
        mode: Mode,
        limits: Limits,
        context: &Arc<Context>,
    ) -> Result<Arc<Entry>, RegisterError> {
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = by_name.get(subject) {
            if entry.mode != mode {
                return Err(RegisterError::OtherMode {
                    subject: subject.clone(),
                    mode: entry.mode,
                });
            }
            entry.listed.store(true, Ordering::Release);
            entry.set_limits(limits);
            return Ok(entry.clone());
        }
        let subjects_max = context.settings.subjects_max;
        if by_name.len() >= subjects_max {
            return Err(RegisterError::TooMany { subjects_max });
        }
        let entry = Arc::new(Entry::new(
            subject.clone(),
            mode,
            limits,
            context.clone(),
            self.dirty.clone(),
        ));
        by_name.insert(subject.clone(), entry.clone());
        Ok(entry)
    }

    pub(crate) fn find(&self, name: &str) -> Result<Arc<Entry>, UnknownSubject> {
        let by_name = self.read();
        let entry = by_name.get(name).filter(|entry| entry.listed.load(Ordering::Acquire));
        entry.cloned().ok_or_else(|| UnknownSubject { name: name.to_owned() })
    }

    /// Those that can be found by their names, in the order of these.
    pub(crate) fn listed(&self) -> Vec<Arc<Entry>> {
        let mut entries = self.all();
        entries.retain(|entry| entry.listed.load(Ordering::Acquire));
        entries.sort_by(|a, b| a.subject.cmp(&b.subject));
        entries
    }

    /// All, also those that were removed: what was counted of them is to be kept.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.read().values().cloned().collect()
    }

    pub(crate) fn is_any_near(&self, context: &Context) -> bool {
        let (period, percent) = (context.current_period(), context.settings.near_percent);
        self.read().values().any(|entry| entry.is_near(period, percent))
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Subject, Arc<Entry>>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner)
    }
}
