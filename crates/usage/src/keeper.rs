//! The tasks that keep what is counted: one makes checkpoints, the other one tells the shared ledger.

mod checkpoint;
mod close;
mod milestones;
mod push;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{LedgerError, Subject, context::Context, entries::Entries};

/// What each round of a task works on.
#[derive(Debug)]
struct Work {
    context: Arc<Context>,
    entries: Arc<Entries>,
    held_back: Mutex<HashSet<Subject>>,
    /// Held during a round: a round by request and one of the task come one after the other.
    checkpointing: tokio::sync::Mutex<()>,
    pushing: tokio::sync::Mutex<()>,
    /// When the shared ledger was last told everything.
    told_everything: Mutex<Instant>,
}

#[derive(Debug)]
pub(crate) struct Keeper {
    work: Arc<Work>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Everything is looked at this often, whether or not it says that something was counted.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl Keeper {
    pub(crate) fn new(context: Arc<Context>, entries: Arc<Entries>) -> Self {
        let work = Work {
            context,
            entries,
            held_back: Mutex::default(),
            checkpointing: tokio::sync::Mutex::default(),
            pushing: tokio::sync::Mutex::default(),
            told_everything: Mutex::new(Instant::now()),
        };
        Keeper {
            work: Arc::new(work),
            tasks: Mutex::default(),
        }
    }

    pub(crate) fn start(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push(tokio::spawn(self.work.clone().keep_checkpoints()));
        if self.work.context.settings.shared.is_some() {
            tasks.push(tokio::spawn(self.work.clone().keep_pushing()));
        }
    }

    /// Ends the tasks where they stand.
    pub(crate) fn stop(&self) -> Vec<JoinHandle<()>> {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.iter().for_each(JoinHandle::abort);
        tasks
    }

    pub(crate) fn hold_back(&self, subjects: HashSet<Subject>) {
        *self.work.held_back.lock().unwrap_or_else(PoisonError::into_inner) = subjects;
    }

    /// A round of checkpoint that looks at everything.
    pub(crate) async fn checkpoint(&self) -> Result<(), LedgerError> {
        self.work.checkpoint(self.work.entries.all()).await
    }

    /// A round of push.
    pub(crate) async fn push(&self) -> Result<(), LedgerError> {
        self.work.push_and_ask().await
    }

    /// Sees that the shared ledger answers, and tells it what earlier writers left.
    pub(crate) async fn reach(&self) -> Result<(), LedgerError> {
        self.work.reach().await
    }
}

impl Work {
    async fn keep_checkpoints(self: Arc<Self>) {
        let interval = self.context.settings.checkpoint_interval;
        let mut looked = Instant::now();
        loop {
            let begun = Instant::now();
            // Nothing is counted: nothing is done, but a look now and then.
            let _ = timeout(LOOK_INTERVAL, self.entries.dirty.any()).await;
            let mut entries = self.entries.dirty.take();
            if looked.elapsed() >= LOOK_INTERVAL {
                looked = Instant::now();
                entries = self.entries.all();
            }
            // It is counted, and tried again in the next round.
            let _ = self.checkpoint(entries).await;
            sleep_until(begun + interval).await;
        }
    }

    async fn keep_pushing(self: Arc<Self>) {
        loop {
            // It is counted, and tried again in the next round.
            let _ = self.push_and_ask().await;
            let settings = &self.context.settings;
            let near = self.entries.is_any_near(&self.context);
            sleep(if near {
                settings.push_fast_interval
            } else {
                settings.push_interval
            })
            .await;
        }
    }
}
