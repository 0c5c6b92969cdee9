//! The usage of all subjects of one process.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    Amount, AtStart, Closed, Field, Ledger, LedgerError, Limits, Mode, OpenError, Period, Reached, Reading, Refusal,
    RegisterError, Settings, Status, Subject, Time, Totals, UnknownSubject, UsageHandle, WriterId, context::Context,
    entries::Entries, gate::Link, keeper::Keeper, ledger::Ended,
};

/// The usage of all subjects of one process. Cheap to clone; all clones are one.
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
    crashed: Vec<Time>,
    closed: tokio::sync::OnceCell<Closed>,
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

    /// Begins to count a subject, or goes on with one that was removed. One that is there already gets these limits.
    pub fn register(&self, subject: &Subject, mode: Mode, limits: Limits) -> Result<UsageHandle, RegisterError> {
        let entry = self
            .shared
            .entries
            .register(subject, mode, limits, &self.shared.context)?;
        Ok(UsageHandle { entry })
    }

    /// A subject is not found by its name any more. What was counted of it is kept and pushed as ever; whoever has a handle of it
    /// still counts.
    pub fn remove(&self, name: &str) -> Result<(), UnknownSubject> {
        self.handle(name)?.entry.listed.store(false, Ordering::Release);
        Ok(())
    }

    /// The handle of a subject.
    pub fn handle(&self, name: &str) -> Result<UsageHandle, UnknownSubject> {
        let entry = self.shared.entries.find(name)?;
        Ok(UsageHandle { entry })
    }

    /// The handles of all subjects, in the order of their names.
    pub fn handles(&self) -> Vec<UsageHandle> {
        let entries = self.shared.entries.listed();
        entries.into_iter().map(|entry| UsageHandle { entry }).collect()
    }

    /// Counts one field of a subject, now; below zero takes back.
    pub fn add(&self, name: &str, field: Field, value: i64) -> Result<(), UnknownSubject> {
        self.handle(name)?.add_at(self.now(), field, value);
        Ok(())
    }

    /// Counts all fields of a subject, now.
    pub fn add_all(&self, name: &str, amount: Amount) -> Result<(), UnknownSubject> {
        self.handle(name)?.record_at(self.now(), amount);
        Ok(())
    }

    /// What this process has counted of one field of a subject in the current period, less what was taken back.
    pub fn load(&self, name: &str, field: Field) -> Result<i64, UnknownSubject> {
        self.load_all(name).map(|totals| totals.net(field))
    }

    /// What this process has counted of a subject in the current period.
    pub fn load_all(&self, name: &str) -> Result<Totals, UnknownSubject> {
        Ok(self.handle(name)?.totals(self.current_period()))
    }

    /// What this process has counted of everything so far. What came between two readings is [`Reading::since`]: nothing is reset,
    /// so nothing is lost with a reading that comes to nothing, and any number of readers do not disturb each other.
    pub fn read(&self) -> Reading {
        Reading::of(&self.shared.entries)
    }

    /// Sets the limits of several subjects; those of all others stay. None is set if any is unknown.
    pub fn set_limits(&self, limits: &HashMap<Subject, Limits>) -> Result<(), UnknownSubject> {
        let handles = limits
            .iter()
            .map(|(subject, limits)| Ok((self.handle(subject.as_str())?, *limits)));
        for (handle, limits) in handles.collect::<Result<Vec<_>, _>>()? {
            handle.set_limits(limits);
        }
        Ok(())
    }

    /// The limits of all subjects.
    pub fn limits(&self) -> BTreeMap<Subject, Limits> {
        self.handles()
            .into_iter()
            .map(|handle| (handle.subject().clone(), handle.limits()))
            .collect()
    }

    /// Those of these subjects that may use so much more now, in the order in which they are given.
    pub fn within_limits(&self, names: &[&str], proposed: Amount) -> Result<Vec<UsageHandle>, UnknownSubject> {
        let now = self.now();
        let handles = names
            .iter()
            .map(|name| self.handle(name))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(handles
            .into_iter()
            .filter(|handle| handle.within_limits_at(now, proposed).is_ok())
            .collect())
    }

    /// Asks for admission by one subject after the other, and takes the first that admits. If none does, the refusal of each.
    pub async fn admit_by_first(
        &self,
        names: &[&str],
        proposed: Amount,
    ) -> Result<Result<crate::Reservation, Vec<Refusal>>, UnknownSubject> {
        let now = self.now();
        let handles = names
            .iter()
            .map(|name| self.handle(name))
            .collect::<Result<Vec<_>, _>>()?;
        let mut refusals = Vec::new();
        for handle in handles {
            match handle.admit_at(now, proposed).await {
                Ok(reservation) => return Ok(Ok(reservation)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        Ok(Err(refusals))
    }

    /// Whether any subject is near any of its limits.
    pub fn is_any_near_limit(&self) -> bool {
        self.shared.entries.is_any_near(&self.shared.context)
    }

    /// The cells of these subjects are not pushed until the next call; nothing of them is lost by that.
    pub fn hold_back(&self, subjects: HashSet<Subject>) {
        self.shared.keeper.hold_back(subjects);
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

    fn now(&self) -> Time {
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
