//! The usage log: a record of every request that was charged to a key.

mod capacity;
mod difference;
mod metrics;
mod open;
mod place;
mod report;
mod sources;

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use nexus_usage_log::{Counts, Event, EventOutcome, Record, StoreError, UsageLog};

pub(crate) use metrics::families;
pub(crate) use open::UsageLogError;
pub(crate) use place::{NoReport, Place};
pub(crate) use report::{Asked, AskedWrong, write as write_report};

use difference::Difference;
use sources::Sources;

/// The usage log, if there is one. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct UsageLogHandle {
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    log: UsageLog,
    place: Place,
    /// How far the logs that are followed were read.
    positions: Arc<Path>,
    /// How large the file may be.
    bytes_max: u64,
    /// It is so large.
    full: AtomicBool,
    left_out: AtomicU64,
    difference: Difference,
    sources: Sources,
    interned: RwLock<HashSet<Arc<str>>>,
}

/// The service of the hub's own requests: nobody else may report for it.
pub(crate) const OWN_SERVICE: &str = "hub";

/// Services, methods and routes are words of ours, of which there are few; beyond this they are not shared.
const INTERNED_MAX: usize = 1_000;

impl UsageLogHandle {
    /// Whether there is one.
    pub(crate) fn is_enabled(&self) -> bool {
        self.shared.is_some()
    }

    /// Takes a record; never waits. What cannot be stored is counted.
    pub(crate) fn record(&self, record: impl FnOnce() -> Record) {
        let Some(shared) = &self.shared else { return };
        if shared.full.load(Relaxed) {
            shared.left_out.fetch_add(1, Relaxed);
        } else {
            shared.log.record(record());
        }
    }

    /// Stores events from elsewhere; answers when they are stored.
    pub(crate) async fn store(&self, events: Vec<Event>) -> Result<Vec<EventOutcome>, StoreError> {
        match &self.shared {
            Some(shared) => shared.log.store(events).await,
            None => Err(StoreError::Closed),
        }
    }

    /// A text that all records share which have it.
    pub(crate) fn intern(&self, text: &str) -> Arc<str> {
        let Some(shared) = &self.shared else {
            return Arc::default();
        };
        let known = |interned: &HashSet<Arc<str>>| interned.get(text).cloned();
        if let Some(found) = known(&shared.interned.read().unwrap_or_else(PoisonError::into_inner)) {
            return found;
        }
        let text: Arc<str> = text.into();
        let mut interned = shared.interned.write().unwrap_or_else(PoisonError::into_inner);
        if interned.len() < INTERNED_MAX {
            interned.insert(Arc::clone(&text));
        }
        text
    }

    /// Where its records are.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.shared.as_ref().map(|shared| &shared.place)
    }

    /// Has what waits stored, for at most so long; the rest waits on disk for the next start. Blocks the thread.
    pub(crate) fn close(&self, deadline: Duration) {
        if let Some(shared) = &self.shared {
            let counts = shared.log.close(deadline);
            if counts.pending > 0 {
                tracing::warn!(
                    records = counts.pending,
                    "records of the usage log wait on disk for the next start"
                );
            }
        }
    }

    /// Has what waits stored now, for reports. Blocks the thread.
    pub(crate) fn flush(&self, deadline: Duration) {
        if let Some(shared) = &self.shared {
            shared.log.flush(deadline);
        }
    }

    /// What was charged less what was logged; none where other hubs store, too.
    fn difference(&self) -> Option<&Difference> {
        let shared = self.shared.as_ref().filter(|shared| shared.place.file().is_some())?;
        Some(&shared.difference)
    }

    /// Where events come from by themselves.
    fn sources(&self) -> Option<&Sources> {
        self.shared.as_ref().map(|shared| &shared.sources)
    }

    /// What became of the records, and how many were left out since the file was full.
    fn counts(&self) -> Option<(Counts, u64)> {
        let shared = self.shared.as_ref()?;
        Some((shared.log.counts(), shared.left_out.load(Relaxed)))
    }
}

impl Shared {
    fn new(log: UsageLog, place: Place, positions: Arc<Path>, bytes_max: u64) -> Self {
        Shared {
            log,
            place,
            positions,
            bytes_max,
            full: AtomicBool::new(false),
            left_out: AtomicU64::new(0),
            difference: Difference::default(),
            sources: Sources::default(),
            interned: RwLock::default(),
        }
    }
}

/// A hub that nobody closed lets go of its files all the same, so that another can take them. What waits is on disk.
impl Drop for Shared {
    fn drop(&mut self) {
        self.log.close(Duration::ZERO);
    }
}
