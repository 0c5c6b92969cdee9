//! What the subjects of one process have in common.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
};

use tokio::sync::broadcast;

use crate::{Cell, OnLoss, Period, Reached, Settings, Subject, Totals, WriterId, gate::Link};

/// What the subjects of one process have in common.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) writer: WriterId,
    /// The period in which the process began.
    pub(crate) first_period: Period,
    pub(crate) counters: Counters,
    pub(crate) milestones: broadcast::Sender<Reached>,
    /// What writers before this one had counted, by those of their cells that are kept here.
    inherited: HashMap<(Subject, Period), Totals>,
    /// Their cells that the shared ledger may not know of.
    pub(crate) unsettled: Mutex<Vec<Cell>>,
    /// A cell that the shared ledger was told and has answered, by this writer or one before it. If it has less of it, it has lost
    /// what it held.
    pub(crate) sentinel: Mutex<Option<Cell>>,
    link: AtomicU8,
    failures: AtomicU32,
    /// Rises with every change of the link: gates that followed an older one follow anew.
    generation: AtomicU64,
}

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) misdated: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) checkpoint_failures: AtomicU64,
    pub(crate) pushes: AtomicU64,
    pub(crate) push_failures: AtomicU64,
    pub(crate) closed_cells: AtomicU64,
    pub(crate) wipes_healed: AtomicU64,
    pub(crate) losses: AtomicU64,
}

const ABSENT: u8 = 0;
const UP: u8 = 1;
const LOST: u8 = 2;

impl Context {
    pub(crate) fn new(settings: Settings, writer: WriterId, inherited: &[Cell], unsettled: Vec<Cell>) -> Self {
        let mut sums: HashMap<_, Totals> = HashMap::new();
        for cell in inherited {
            let sum = sums.entry((cell.subject.clone(), cell.period)).or_default();
            *sum = sum.plus(cell.totals);
        }
        Context {
            writer,
            first_period: settings.calendar.period_of(settings.clock.now()),
            counters: Counters::default(),
            milestones: broadcast::Sender::new(settings.milestones_waiting_max),
            inherited: sums,
            unsettled: Mutex::new(unsettled),
            // What of these is not settled is pushed before anybody looks.
            sentinel: Mutex::new(inherited.last().cloned()),
            link: AtomicU8::new(if settings.shared.is_some() { UP } else { ABSENT }),
            failures: AtomicU32::new(0),
            generation: AtomicU64::new(0),
            settings,
        }
    }

    /// What the writers before this one had counted.
    pub(crate) fn inherited(&self, subject: &Subject, period: Period) -> Totals {
        self.inherited
            .get(&(subject.clone(), period))
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn current_period(&self) -> Period {
        self.settings.calendar.period_of(self.settings.clock.now())
    }

    /// The shared ledger knows these.
    pub(crate) fn remember(&self, pushed: &[Cell]) {
        let mut sentinel = self.sentinel.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = sentinel.as_ref().map(|cell| cell.period);
        if let Some(latest) = pushed
            .iter()
            .max_by_key(|cell| cell.period)
            .filter(|cell| Some(cell.period) >= oldest)
        {
            *sentinel = Some(latest.clone());
        }
    }

    pub(crate) fn on_loss(&self) -> OnLoss {
        self.settings
            .shared
            .as_ref()
            .map_or(OnLoss::GoOn, |shared| shared.on_loss)
    }

    pub(crate) fn link(&self) -> Link {
        match self.link.load(Ordering::Acquire) {
            UP => Link::Up,
            LOST => Link::Lost,
            _ => Link::Absent,
        }
    }

    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The shared ledger answered.
    pub(crate) fn answered(&self) {
        self.failures.store(0, Ordering::Release);
        if self.link.swap(UP, Ordering::AcqRel) == LOST {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The shared ledger did not answer, or refused.
    pub(crate) fn failed(&self) {
        self.counters.push_failures.fetch_add(1, Ordering::Relaxed);
        let failures = self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if failures >= self.settings.failures_max.get() {
            self.lose();
        }
    }

    /// The shared ledger is lost.
    pub(crate) fn lose(&self) {
        if self.link.swap(LOST, Ordering::AcqRel) != LOST {
            self.generation.fetch_add(1, Ordering::AcqRel);
            self.counters.losses.fetch_add(1, Ordering::Relaxed);
        }
    }
}
