//! Connections that have not shown a key: they give way when there is no room for others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Those of all listeners, from the one that has been here longest on.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_arrival: BTreeMap<u64, Arc<Notify>>,
}

/// A connection that may still be a stranger's. It is none any more when it is dropped.
#[derive(Debug)]
pub(super) struct Stranger {
    all: Arc<Strangers>,
    arrival: u64,
    leave: Arc<Notify>,
    is_known: AtomicBool,
}

impl Strangers {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection was accepted.
    pub(super) fn enter(self: &Arc<Self>) -> Arc<Stranger> {
        let mut waiting = self.waiting();
        let arrival = waiting.next;
        waiting.next += 1;
        let leave = Arc::<Notify>::default();
        waiting.by_arrival.insert(arrival, leave.clone());
        Arc::new(Stranger {
            all: self.clone(),
            arrival,
            leave,
            is_known: AtomicBool::new(false),
        })
    }

    /// Tells the one that has been here longest to leave; whether there was one.
    pub(super) fn send_one_away(&self) -> bool {
        let oldest = self.waiting().by_arrival.pop_first();
        oldest.is_some_and(|(_, leave)| {
            leave.notify_one();
            true
        })
    }
}

impl Stranger {
    /// Its client has shown a key, now or before.
    pub(super) fn showed_key(&self) {
        if !self.is_known.load(Relaxed) && !self.is_known.swap(true, Relaxed) {
            self.all.waiting().by_arrival.remove(&self.arrival);
        }
    }

    /// Resolves when it has to leave.
    pub(super) async fn sent_away(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.showed_key();
    }
}
