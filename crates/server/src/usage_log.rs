//! The usage log: a record of every request that was charged to a key, in `usage-log.db`.

mod difference;
mod metrics;
mod report;
mod sources;

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use nexus_usage_log::{
    Counts, Event, OpenError, Overflow, Record, Settings, Spill, SqliteSettings, SqliteSink, StartError, StoreError,
    Stored, UsageLog,
};

pub(crate) use metrics::families;
pub(crate) use report::{Asked, AskedWrong, write as write_report};

use crate::{config, shutdown::Shutdown};
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
    file: PathBuf,
    /// How far the logs that are followed were read.
    positions: Arc<Path>,
    bytes_max: u64,
    /// The file is as large as it may be.
    full: AtomicBool,
    left_out: AtomicU64,
    difference: Difference,
    sources: Sources,
    routes: RwLock<HashSet<Arc<str>>>,
}

/// Why there is no usage log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageLogError {
    #[error("{path}: {source}; to begin a new one, move it away; usage_log.enabled: false does without", path = .0.display(), source = .1)]
    Open(PathBuf, #[source] OpenError),
    #[error("{0}; usage_log.enabled: false does without")]
    Start(#[from] StartError),
}

/// Routes are patterns of ours, of which there are few; beyond this they are not shared.
const ROUTES_MAX: usize = 1_000;
/// How often the size of the file is looked at.
const PERIOD: Duration = Duration::from_secs(1);

impl UsageLogHandle {
    /// Opens it: the file, and a directory beside it for what waits to be stored. Blocks the thread.
    pub(crate) fn open(config: &config::UsageLog, file: &Path, spill: &Path) -> Result<Self, UsageLogError> {
        if !config.enabled {
            return Ok(UsageLogHandle { shared: None });
        }
        let mut kept = SqliteSettings::default();
        kept.raw_kept = config.raw_kept;
        kept.seconds_kept = config.seconds_kept;
        kept.minutes_kept = config.minutes_kept;
        let sink = SqliteSink::open(file, kept).map_err(|error| UsageLogError::Open(file.to_owned(), error))?;
        let positions = spill.into();
        let mut spill = Spill::new(spill);
        spill.bytes_max = config.spill_bytes_max;
        let mut settings = Settings::default();
        settings.overflow = Overflow::Spill(spill);
        Ok(UsageLogHandle {
            shared: Some(Arc::new(Shared {
                log: UsageLog::open(settings, sink)?,
                file: file.to_owned(),
                positions,
                bytes_max: config.bytes_max,
                full: AtomicBool::new(false),
                left_out: AtomicU64::new(0),
                difference: Difference::default(),
                sources: Sources::default(),
                routes: RwLock::default(),
            })),
        })
    }

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
    pub(crate) async fn store(&self, events: Vec<Event>) -> Result<Vec<Stored>, StoreError> {
        match &self.shared {
            Some(shared) => shared.log.store(events).await,
            None => Err(StoreError::Closed),
        }
    }

    /// A route's name, shared by all records of it.
    pub(crate) fn route(&self, route: &str) -> Arc<str> {
        let Some(shared) = &self.shared else {
            return Arc::default();
        };
        let known = |routes: &HashSet<Arc<str>>| routes.get(route).cloned();
        if let Some(found) = known(&shared.routes.read().unwrap_or_else(PoisonError::into_inner)) {
            return found;
        }
        let route: Arc<str> = route.into();
        let mut routes = shared.routes.write().unwrap_or_else(PoisonError::into_inner);
        if routes.len() < ROUTES_MAX {
            routes.insert(Arc::clone(&route));
        }
        route
    }

    /// The file that reports are made from.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.shared.as_ref().map(|shared| &*shared.file)
    }

    /// Looks after the size of the file until the shutdown.
    pub(crate) async fn watch(self, shutdown: Shutdown) {
        let Some(shared) = self.shared else { return };
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.fired() => return,
                _ = ticks.tick() => shared.look(),
            }
        }
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

    /// What was charged less what was logged, when it was looked at last.
    fn difference(&self, field: nexus_usage::Field) -> i64 {
        let shared = self.shared.as_ref();
        shared.map_or(0, |shared| shared.difference.of(field).load(Relaxed))
    }

    /// Where events come from by themselves.
    fn sources(&self) -> Option<&Sources> {
        self.shared.as_ref().map(|shared| &shared.sources)
    }

    fn counts(&self) -> Option<(Counts, u64, u64)> {
        let shared = self.shared.as_ref()?;
        let bytes = size(&shared.file).unwrap_or(0);
        Some((shared.log.counts(), shared.left_out.load(Relaxed), bytes))
    }
}

/// A hub that nobody closed lets go of its files all the same, so that another can take them. What waits is on disk.
impl Drop for Shared {
    fn drop(&mut self) {
        self.log.close(Duration::ZERO);
    }
}

impl Shared {
    fn look(&self) {
        let full = size(&self.file).is_ok_and(|bytes| bytes >= self.bytes_max);
        if full && !self.full.swap(full, Relaxed) {
            tracing::error!(
                file = %self.file.display(),
                bytes_max = self.bytes_max,
                "the usage log is as large as it may be: requests are left out until retention makes room (usage_log.bytes_max, usage_log.raw_kept)"
            );
        }
        self.full.store(full, Relaxed);
    }
}

fn size(file: &Path) -> io::Result<u64> {
    Ok(fs::metadata(file)?.len())
}
