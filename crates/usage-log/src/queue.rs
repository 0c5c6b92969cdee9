//! Where records wait in memory: a bounded queue in shards, so that threads seldom meet at one lock.

mod shard;

use std::{
    cell::Cell,
    sync::{
        MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    counts::Dropped,
    parker::Parker,
    record::Record,
    settings::{Overflow, Settings},
};
pub(crate) use shard::Queued;
use shard::{Shard, State};

/// More shards than this do not help.
const SHARDS_MAX: usize = 16;

#[derive(Debug)]
pub(crate) struct Queue {
    shards: Box<[Shard]>,
    limits: Limits,
    policy: Policy,
    /// Memory is full because the disk is.
    spill_is_full: AtomicBool,
    /// Wakes whoever drains the queue.
    pub(crate) drainer: Parker,
}

/// The share of one shard.
#[derive(Debug, Clone, Copy)]
struct Limits {
    records_max: usize,
    bytes_max: usize,
    record_bytes_max: usize,
    notify_every: usize,
}

#[derive(Debug, Clone, Copy)]
enum Policy {
    Block,
    DropNewest,
    DropOldest,
    Aggregate { sums_max: usize },
}

impl Queue {
    pub(crate) fn new(settings: &Settings) -> Self {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = cores.min(SHARDS_MAX).min(settings.queue_records_max.max(1));
        let share = |whole: usize| (whole / count).max(1);
        Queue {
            shards: (0..count).map(|_| Shard::default()).collect(),
            limits: Limits {
                records_max: share(settings.queue_records_max),
                bytes_max: share(settings.queue_bytes_max),
                record_bytes_max: settings.record_bytes_max,
                notify_every: share(settings.batch_records_max.min(settings.queue_records_max / 2)),
            },
            policy: match settings.overflow {
                Overflow::Spill(_) | Overflow::DropNewest => Policy::DropNewest,
                Overflow::Block => Policy::Block,
                Overflow::DropOldest => Policy::DropOldest,
                Overflow::Aggregate { sums_max } => Policy::Aggregate {
                    sums_max: share(sums_max),
                },
            },
            spill_is_full: AtomicBool::new(false),
            drainer: Parker::default(),
        }
    }

    /// Takes a record, or drops one by the policy. Waits only under [`Policy::Block`].
    pub(crate) fn push(&self, record: Record) {
        let mut queued = Queued::new(record);
        let own = slot();
        let count = self.shards.len();
        for shard in self.shards.iter().cycle().skip(own % count).take(count) {
            let mut state = shard.lock();
            match self.offer(&mut state, queued) {
                None => return,
                Some(back) => queued = back,
            }
        }
        if let Some(shard) = self.shards.get(own % count) {
            self.overflow(shard, queued);
        }
    }

    /// Puts the record into a shard, unless that is full: then gives it back.
    fn offer(&self, state: &mut State, queued: Queued) -> Option<Queued> {
        if state.is_closed || queued.bytes > self.limits.record_bytes_max {
            state.received += 1;
            let reason = &mut state.dropped;
            *(if state.is_closed {
                &mut reason.closed
            } else {
                &mut reason.too_large
            }) += 1;
            return None;
        }
        if !self.limits.has_room(state, &queued) {
            return Some(queued);
        }
        state.received += 1;
        state.put(queued);
        // The first one begins a batch; so many more may fill it, or the queue.
        if state.len() == 1 || state.len().is_multiple_of(self.limits.notify_every) {
            self.drainer.notify();
        }
        None
    }

    fn overflow(&self, shard: &Shard, queued: Queued) {
        let mut state = shard.lock();
        match self.policy {
            Policy::DropNewest => self.drop_newest(&mut state),
            Policy::DropOldest => self.drop_oldest(&mut state, queued),
            Policy::Aggregate { sums_max } => {
                state.received += 1;
                if !state.aggregate(queued, sums_max) {
                    state.dropped.queue_full += 1;
                }
            }
            Policy::Block => self.block(shard, state, queued),
        }
    }

    fn drop_newest(&self, state: &mut State) {
        state.received += 1;
        let reason = &mut state.dropped;
        if self.spill_is_full.load(Ordering::Relaxed) {
            reason.spill_full += 1;
        } else {
            reason.queue_full += 1;
        }
    }

    fn drop_oldest(&self, state: &mut State, queued: Queued) {
        while !self.limits.has_room(state, &queued) {
            let Some(oldest) = state.take_first() else {
                return self.drop_newest(state);
            };
            state.dropped.queue_full += oldest.stands_for;
        }
        state.received += 1;
        state.put(queued);
    }

    fn block(&self, shard: &Shard, mut state: MutexGuard<'_, State>, mut queued: Queued) {
        while let Some(back) = self.offer(&mut state, queued) {
            queued = back;
            self.drainer.notify();
            state = shard.space.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes up to `records_max` records, about in the order in which they came.
    pub(crate) fn drain(&self, records_max: usize) -> Vec<Queued> {
        let mut drained = Vec::new();
        for shard in &self.shards {
            let room = records_max.saturating_sub(drained.len());
            shard.drain(room, &mut drained);
        }
        drained
    }

    /// Whether something waits.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether so much waits that it is not to wait for more.
    pub(crate) fn is_pressing(&self) -> bool {
        let limits = self.limits;
        let is_pressing = |state: &State| state.len() >= limits.notify_every || state.bytes() >= limits.bytes_max / 2;
        self.shards.iter().any(|shard| is_pressing(&shard.lock()))
    }

    /// Takes nothing from here on.
    pub(crate) fn close(&self) {
        for shard in &self.shards {
            shard.lock().is_closed = true;
            shard.space.notify_all();
        }
        self.drainer.notify();
    }

    /// Says why records do not fit, if they do not.
    pub(crate) fn set_spill_is_full(&self, is_full: bool) {
        self.spill_is_full.store(is_full, Ordering::Relaxed);
    }

    /// What came, was dropped and waits, at one moment.
    pub(crate) fn tally(&self) -> Tally {
        let shards: Vec<_> = self.shards.iter().map(Shard::lock).collect();
        let mut tally = Tally::default();
        for state in &shards {
            tally.received += state.received;
            tally.dropped += state.dropped;
            tally.waiting += state.waiting();
        }
        tally
    }
}

/// What a queue has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) received: u64,
    pub(crate) dropped: Dropped,
    pub(crate) waiting: u64,
}

impl Limits {
    fn has_room(self, state: &State, queued: &Queued) -> bool {
        state.len() < self.records_max && state.bytes() + queued.bytes <= self.bytes_max
    }
}

/// The number of the current thread: threads take shards in turn.
fn slot() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SLOT: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    SLOT.with(Cell::get)
}
