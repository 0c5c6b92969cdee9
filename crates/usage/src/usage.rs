use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::Duration,
};

use crate::{
    Amount, AtStart, Backend, Closed, Field, Ledger, LedgerError, Limits, Meter, Mode, Period, Reached, Refusal,
    Settings, SettingsMistake, Status, Timestamp, Totals, WriterId, WriterIdError, context::Context, entry::Entry,
    gate::Link, keeper::Keeper, ledger::Ended,
};

/// The usage of all backends of one process. Cheap to clone; all clones are one.
///
/// It runs on Tokio: a task of it keeps checkpoints, another one tells the shared ledger. Dropped without [`close`](Usage::close), it
/// stops as if it had crashed.
#[derive(Debug, Clone)]
pub struct Usage {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    context: Arc<Context>,
    entries: Arc<Entries>,
    keeper: Keeper,
    crashed: Vec<Timestamp>,
    closed: tokio::sync::OnceCell<Closed>,
}

/// All backends by name.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    by_name: RwLock<HashMap<Backend, Arc<Entry>>>,
}

impl Usage {
    /// Begins to count as a new writer: tells the shared ledger what the writers before it left, and starts the tasks.
    pub async fn open(settings: Settings) -> Result<Usage, OpenError> {
        let usage = Usage::open_without_tasks(settings).await?;
        usage.shared.keeper.start();
        Ok(usage)
    }

    pub(crate) async fn open_without_tasks(settings: Settings) -> Result<Usage, OpenError> {
        let mistakes = settings.mistakes();
        if !mistakes.is_empty() {
            return Err(OpenError::Settings(mistakes));
        }
        let writer = WriterId::random()?;
        let now = settings.clock.now();
        let before = settings.calendar.period_of(now).previous();
        let (ended, inherited) = match &settings.checkpoints {
            Some(checkpoints) => {
                let ended = checkpoints
                    .file
                    .begin(writer, now)
                    .await
                    .map_err(OpenError::Checkpoints)?;
                let others = checkpoints
                    .file
                    .others_since(writer, before)
                    .await
                    .map_err(OpenError::Checkpoints)?;
                (ended, others)
            }
            None => (Ended::default(), Vec::new()),
        };
        // Also what is settled, as far back as it matters to limits: the shared ledger may have lost it meanwhile.
        let mut to_push = ended.unsettled;
        to_push.extend(inherited.iter().filter(|cell| cell.totals != Totals::ZERO).cloned());
        let context = Arc::new(Context::new(settings, writer, &inherited, to_push));
        let entries = Arc::new(Entries::default());
        let keeper = Keeper::new(context.clone(), entries.clone());
        reach(&context, &keeper).await?;
        Ok(Usage {
            shared: Arc::new(Shared {
                context,
                entries,
                keeper,
                crashed: ended.crashed,
                closed: tokio::sync::OnceCell::new(),
            }),
        })
    }

    /// Begins to count a backend, or goes on with one that was removed. One that is there already gets these limits.
    pub fn register(&self, backend: &Backend, mode: Mode, limits: Limits) -> Result<Meter, RegisterError> {
        let mut by_name = self
            .shared
            .entries
            .by_name
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = by_name.get(backend) {
            if entry.mode != mode {
                return Err(RegisterError::OtherMode {
                    backend: backend.clone(),
                    mode: entry.mode,
                });
            }
            entry.listed.store(true, Ordering::Release);
            entry.set_limits(limits);
            return Ok(Meter { entry: entry.clone() });
        }
        let backends_max = self.shared.context.settings.backends_max;
        if by_name.len() >= backends_max {
            return Err(RegisterError::TooMany { backends_max });
        }
        let entry = Arc::new(Entry::new(backend.clone(), mode, limits, self.shared.context.clone()));
        by_name.insert(backend.clone(), entry.clone());
        Ok(Meter { entry })
    }

    /// A backend is not found by its name any more. What was counted of it is kept and pushed as ever; whoever has a meter of it
    /// still counts.
    pub fn remove(&self, name: &str) -> Result<(), UnknownBackend> {
        self.meter(name)?.entry.listed.store(false, Ordering::Release);
        Ok(())
    }

    /// The meter of a backend.
    pub fn meter(&self, name: &str) -> Result<Meter, UnknownBackend> {
        let by_name = self
            .shared
            .entries
            .by_name
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = by_name.get(name).filter(|entry| entry.listed.load(Ordering::Acquire));
        let entry = entry.ok_or_else(|| UnknownBackend { name: name.to_owned() })?;
        Ok(Meter { entry: entry.clone() })
    }

    /// The meters of all backends, in the order of their names.
    pub fn meters(&self) -> Vec<Meter> {
        let mut entries = self.shared.entries.all();
        entries.retain(|entry| entry.listed.load(Ordering::Acquire));
        entries.sort_by(|a, b| a.backend.cmp(&b.backend));
        entries.into_iter().map(|entry| Meter { entry }).collect()
    }

    /// Counts one field of a backend, now; below zero takes back.
    pub fn add(&self, name: &str, field: Field, value: i64) -> Result<(), UnknownBackend> {
        self.meter(name)?.add_at(self.now(), field, value);
        Ok(())
    }

    /// Counts all fields of a backend, now.
    pub fn add_all(&self, name: &str, amount: Amount) -> Result<(), UnknownBackend> {
        self.meter(name)?.record_at(self.now(), amount);
        Ok(())
    }

    /// What this process has counted of one field of a backend in the current period, less what was taken back.
    pub fn load(&self, name: &str, field: Field) -> Result<i64, UnknownBackend> {
        self.load_all(name).map(|totals| totals.net(field))
    }

    /// What this process has counted of a backend in the current period.
    pub fn load_all(&self, name: &str) -> Result<Totals, UnknownBackend> {
        Ok(self.meter(name)?.totals(self.current_period()))
    }

    /// What this process has counted of everything so far. What came between two readings is [`Reading::since`]: nothing is reset,
    /// so nothing is lost with a reading that comes to nothing, and any number of readers do not disturb each other.
    pub fn read(&self) -> Reading {
        let mut totals = BTreeMap::new();
        for entry in self.shared.entries.all() {
            for month in entry.months() {
                let counted = month.totals();
                if counted != Totals::ZERO {
                    totals.insert((entry.backend.clone(), month.period), counted);
                }
            }
        }
        Reading { totals }
    }

    /// Sets the limits of several backends; those of all others stay. None is set if any is unknown.
    pub fn set_limits(&self, limits: &HashMap<Backend, Limits>) -> Result<(), UnknownBackend> {
        let meters = limits
            .iter()
            .map(|(backend, limits)| Ok((self.meter(backend.as_str())?, *limits)));
        for (meter, limits) in meters.collect::<Result<Vec<_>, _>>()? {
            meter.set_limits(limits);
        }
        Ok(())
    }

    /// The limits of all backends.
    pub fn limits(&self) -> BTreeMap<Backend, Limits> {
        self.meters()
            .into_iter()
            .map(|meter| (meter.backend().clone(), meter.limits()))
            .collect()
    }

    /// Those of these backends that may use so much more now, in the order in which they are given.
    pub fn within_limits(&self, names: &[&str], proposed: Amount) -> Result<Vec<Meter>, UnknownBackend> {
        let now = self.now();
        let meters = names
            .iter()
            .map(|name| self.meter(name))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(meters
            .into_iter()
            .filter(|meter| meter.within_limits_at(now, proposed).is_ok())
            .collect())
    }

    /// Asks for admission by one backend after the other, and takes the first that admits. If none does, the refusal of each.
    pub async fn admit_by_first(
        &self,
        names: &[&str],
        proposed: Amount,
    ) -> Result<Result<crate::Reservation, Vec<Refusal>>, UnknownBackend> {
        let now = self.now();
        let meters = names
            .iter()
            .map(|name| self.meter(name))
            .collect::<Result<Vec<_>, _>>()?;
        let mut refusals = Vec::new();
        for meter in meters {
            match meter.admit_at(now, proposed).await {
                Ok(reservation) => return Ok(Ok(reservation)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        Ok(Err(refusals))
    }

    /// Whether any backend is near any of its limits.
    pub fn is_any_near_limit(&self) -> bool {
        self.shared.entries.is_any_near(&self.shared.context)
    }

    /// The cells of these backends are not pushed until the next call; nothing of them is lost by that.
    pub fn hold_back(&self, backends: HashSet<Backend>) {
        self.shared.keeper.hold_back(backends);
    }

    /// Makes a checkpoint. What was counted before the call is acknowledged by its answer: a crash does not lose it.
    pub async fn checkpoint(&self) -> Result<(), LedgerError> {
        self.shared.keeper.checkpoint().await
    }

    /// Makes a checkpoint, then tells the shared ledger all that it does not know, and asks what the others have used.
    pub async fn flush(&self) -> Result<(), LedgerError> {
        self.checkpoint().await?;
        self.shared.keeper.push().await
    }

    /// The period in which now lies.
    pub fn current_period(&self) -> Period {
        self.shared.context.current_period()
    }

    /// How long the current period still lasts.
    pub fn until_period_end(&self) -> Duration {
        let end = self.shared.context.settings.calendar.end(self.current_period());
        end.since(self.now())
    }

    /// Milestones as they are reached, from here on.
    pub fn reached(&self) -> tokio::sync::broadcast::Receiver<Reached> {
        self.shared.context.milestones.subscribe()
    }

    /// The ledger in which all usage comes together, for reports: the shared one, else that of the checkpoints, if there is any.
    pub fn ledger(&self) -> Option<Ledger> {
        let settings = &self.shared.context.settings;
        let shared = settings.shared.as_ref().map(|shared| shared.ledger.clone());
        shared.or_else(|| settings.checkpoints.as_ref().map(crate::Checkpoints::ledger))
    }

    /// How the counting is doing.
    pub fn status(&self) -> Status {
        let counters = &self.shared.context.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            is_lost: self.shared.context.link() == Link::Lost,
            losses: read(&counters.losses),
            pushes: read(&counters.pushes),
            push_failures: read(&counters.push_failures),
            closed_cells: read(&counters.closed_cells),
            wipes_healed: read(&counters.wipes_healed),
            checkpoints: read(&counters.checkpoints),
            checkpoint_failures: read(&counters.checkpoint_failures),
            misdated: read(&counters.misdated),
            crashed: self.shared.crashed.clone(),
        }
    }

    /// Who this process is in the ledger.
    pub fn writer(&self) -> WriterId {
        self.shared.context.writer
    }

    /// Ends the tasks, makes a last checkpoint, tells the shared ledger all it does not know and gives leases back, within about this
    /// time. Idempotent: a second call answers as the first, when that is done. What is counted after that is not kept.
    ///
    /// The files and connections that were given to it stay open; whoever opened them closes them.
    pub async fn close(&self, deadline: Duration) -> Closed {
        self.shared
            .closed
            .get_or_init(|| self.shared.keeper.close(deadline))
            .await
            .clone()
    }

    /// Ends the tasks where they stand, as a crash does.
    #[cfg(feature = "faults")]
    pub(crate) async fn stop(&self) {
        for task in self.shared.keeper.stop() {
            // It ended because it was told to.
            let _ = task.await;
        }
    }

    fn now(&self) -> Timestamp {
        self.shared.context.settings.clock.now()
    }
}

/// Settles what the writers before this one left, if the shared ledger can be reached.
async fn reach(context: &Context, keeper: &Keeper) -> Result<(), OpenError> {
    let Some(shared) = &context.settings.shared else {
        return Ok(());
    };
    match (keeper.reach().await, shared.at_start) {
        (Ok(()), _) => Ok(()),
        (Err(error), AtStart::Required) => Err(OpenError::SharedLedger(error)),
        (Err(_), AtStart::Optional) => {
            context.lose();
            Ok(())
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.keeper.stop();
    }
}

impl Entries {
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.by_name
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    pub(crate) fn is_any_near(&self, context: &Context) -> bool {
        let period = context.current_period();
        let percent = context.settings.near_percent;
        self.by_name
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .any(|entry| entry.is_near(period, percent))
    }
}

/// What a process had counted at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    totals: BTreeMap<(Backend, Period), Totals>,
}

impl Reading {
    /// Of one backend in one period.
    pub fn get(&self, backend: &Backend, period: Period) -> Totals {
        self.totals.get(&(backend.clone(), period)).copied().unwrap_or_default()
    }

    /// Of every backend in every period, where there is anything.
    pub fn iter(&self) -> impl Iterator<Item = (&Backend, Period, Totals)> {
        self.totals
            .iter()
            .map(|((backend, period), totals)| (backend, *period, *totals))
    }

    /// What was counted since an earlier reading of the same process.
    #[must_use]
    pub fn since(&self, earlier: &Reading) -> Reading {
        let since = self.totals.iter().map(|(key, totals)| {
            let before = earlier.totals.get(key).copied().unwrap_or_default();
            (key.clone(), totals.since(before))
        });
        Reading {
            totals: since.filter(|(_, totals)| *totals != Totals::ZERO).collect(),
        }
    }
}

/// Usage could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The settings are wrong; these are all the mistakes.
    #[error("the settings of usage are wrong: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingsMistake>),
    /// There is no name for this process.
    #[error(transparent)]
    WriterId(#[from] WriterIdError),
    /// The checkpoints cannot be used.
    #[error("the checkpoints cannot be used")]
    Checkpoints(#[source] LedgerError),
    /// The shared ledger cannot be reached, and it is required.
    #[error("the shared ledger cannot be used, and it is required at the start")]
    SharedLedger(#[source] LedgerError),
}

/// A backend cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// There are as many as may be.
    #[error("there are {backends_max} backends already: backends_max")]
    TooMany {
        /// How many may be.
        backends_max: usize,
    },
    /// It is there in another mode, which does not change while a process runs.
    #[error("the backend {backend} is counted in the mode {mode:?} until the process ends")]
    OtherMode {
        /// Which one.
        backend: Backend,
        /// Its mode.
        mode: Mode,
    },
}

/// No backend has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no backend {name:?}")]
pub struct UnknownBackend {
    name: String,
}
