//! One direction of one tree: the scheduler behind its lock, and whoever wakes it when the next gate opens.

mod bucket;
mod driver;
mod node;
mod quantum;
mod scheduler;
mod slab;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use tokio::time::Instant;

pub(crate) use bucket::LATENESS_MAX;
use driver::Driver;
pub(crate) use scheduler::{Ask, Grant, Scheduler};
pub(crate) use slab::Id;

#[derive(Debug)]
pub(crate) struct Pacer {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    scheduler: Scheduler,
    /// Whoever sleeps until `armed_ns`. Without one, nobody waits.
    driver: Option<Driver>,
    armed_ns: u64,
}

impl Pacer {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            state: Mutex::default(),
        })
    }

    /// Nanoseconds since the tree was made. At least 1, so that 0 is never.
    pub(crate) fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }

    fn instant(&self, ns: u64) -> Instant {
        // A gate that opens in centuries is looked at again tomorrow.
        let from_now = Duration::from_nanos(ns.saturating_sub(self.now_ns()));
        Instant::now() + from_now.min(Duration::from_secs(86_400))
    }

    /// Does something with the scheduler, then gives turns to all who may have one, wakes them, and sees to it that someone
    /// is there when the next gate opens.
    pub(crate) fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut Scheduler, u64) -> R) -> R {
        self.with_then(act, |_, done| done)
    }

    /// As [`with`](Self::with); then something more, when all who may have a turn have it.
    pub(crate) fn with_then<D, R>(
        self: &Arc<Self>,
        act: impl FnOnce(&mut Scheduler, u64) -> D,
        then: impl FnOnce(&mut Scheduler, D) -> R,
    ) -> R {
        let mut wakers = Vec::new();
        let mut state = self.lock();
        let now = self.now_ns();
        let done = act(&mut state.scheduler, now);
        state.scheduler.dispatch(now, &mut wakers);
        let done = then(&mut state.scheduler, done);
        let call = state.call_driver(now);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        call.make(self);
        done
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait, without giving them a turn.
    pub(crate) fn wake_all(&self) {
        let state = self.lock();
        let wakers: Vec<Waker> = state.scheduler.wakers().collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}
