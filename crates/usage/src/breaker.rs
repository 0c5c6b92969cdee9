//! Keeps a store that does not answer from being asked, and asks it now and then whether it is back.

mod state;

#[cfg(test)]
mod tests;

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use state::State;

/// When a breaker opens, and how often it is seen whether it may close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many calls that fail one after the other open it. Default 3.
    pub failures_max: NonZeroU32,
    /// From a failure or a failed probe to the next probe, while it is open. Default 5 s.
    pub probe_interval: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        BreakerSettings {
            failures_max: NonZeroU32::MIN.saturating_add(2),
            probe_interval: Duration::from_secs(5),
        }
    }
}

/// A circuit breaker: closed it lets calls through; after [`failures_max`](BreakerSettings::failures_max) failures in a row
/// it is open and lets none through. While it is open one probe at a time may be made, every
/// [`probe_interval`](BreakerSettings::probe_interval); the first that succeeds closes it, and the breaker is as new: as
/// many failures as at first open it again. Cheap to clone; all clones are one breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: BreakerSettings,
    state: Mutex<State>,
    /// What `state` says, to be read without the lock.
    open: AtomicBool,
    opened_total: AtomicU64,
    refused_total: AtomicU64,
    opened: Notify,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: BreakerSettings) -> Self {
        Breaker {
            shared: Arc::new(Shared {
                settings,
                state: Mutex::new(State::closed()),
                open: AtomicBool::new(false),
                opened_total: AtomicU64::new(0),
                refused_total: AtomicU64::new(0),
                opened: Notify::new(),
            }),
        }
    }

    /// Whether it lets no calls through. One load.
    pub fn is_open(&self) -> bool {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// How many times it opened.
    pub fn opened_total(&self) -> u64 {
        self.shared.opened_total.load(Ordering::Relaxed)
    }

    /// How many calls it did not let through.
    pub fn refused_total(&self) -> u64 {
        self.shared.refused_total.load(Ordering::Relaxed)
    }

    /// Leave to make one call, whose end is to be told to it; `None` while the breaker is open.
    pub fn call(&self) -> Option<Call<'_>> {
        if self.is_open() {
            self.shared.refused_total.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Call { breaker: self })
    }

    /// Waits until the breaker is open and a probe is due, and leaves the probe to the caller, to nobody else. The next one is
    /// due an interval later, also if the caller never says how this one ended. To be stopped it is dropped, at any time.
    pub async fn probe(&self) -> Probe<'_> {
        loop {
            tokio::time::sleep_until(self.next_probe().await).await;
            if self.state().begin_probe(Instant::now(), &self.shared.settings) {
                return Probe { breaker: self };
            }
        }
    }

    /// Waits until the breaker is open, and says when its next probe is due.
    async fn next_probe(&self) -> Instant {
        loop {
            let opened = self.shared.opened.notified();
            if let Some(at) = self.state().probe_at() {
                return at;
            }
            opened.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and what is read of it without the lock.
    fn change(&self, change: impl FnOnce(&mut State, Instant)) {
        let mut state = self.state();
        let was_open = state.is_open();
        change(&mut state, Instant::now());
        let is_open = state.is_open();
        self.shared.open.store(is_open, Ordering::Relaxed);
        drop(state);
        if is_open && !was_open {
            self.shared.opened_total.fetch_add(1, Ordering::Relaxed);
            self.shared.opened.notify_waiters();
        }
    }
}

/// A call that was let through. Dropped without a word, as when the caller gave up, it says nothing of the store.
#[derive(Debug)]
#[must_use = "the breaker learns from how the call ended"]
pub struct Call<'a> {
    breaker: &'a Breaker,
}

impl Call<'_> {
    /// The store answered, were it with a refusal.
    pub fn succeeded(self) {
        self.breaker.change(|state, _| state.call_succeeded());
    }

    /// The store did not answer, or not in time.
    pub fn failed(self) {
        let settings = self.breaker.shared.settings;
        self.breaker.change(|state, now| state.call_failed(now, &settings));
    }
}

/// A probe that is to be made.
#[derive(Debug)]
#[must_use = "the breaker learns from how the probe ended"]
pub struct Probe<'a> {
    breaker: &'a Breaker,
}

impl Probe<'_> {
    /// The store is well: the breaker closes.
    pub fn succeeded(self) {
        self.breaker.change(|state, _| state.probe_succeeded());
    }

    /// The store is not well: the next probe is due an interval from now.
    pub fn failed(self) {
        let settings = self.breaker.shared.settings;
        self.breaker.change(|state, now| state.probe_failed(now, &settings));
    }
}
