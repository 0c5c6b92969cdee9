//! What each key uses, counted by `nexus-usage` on a thread of its own: it asks stores that may be slow, and requests never
//! wait for it.

mod compact;
mod metrics;
mod open;
mod reached;

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use nexus_usage::{Amount, Calendar, Closed, Ledger, Limits, Mode, RegisterError, Subject, Time, Usage, UsageHandle};
use tokio::sync::oneshot;

pub(crate) use metrics::families;
pub(crate) use open::MeteringError;

use crate::config::KeyLimits;

/// The usage of all keys. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Metering {
    usage: Usage,
    mode: Mode,
    kept: Kept,
    calendar: Calendar,
    /// What this hub and those before it on its state have counted.
    file: Option<Ledger>,
    thread: Arc<Thread>,
}

/// Where what is used is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// In `usage.db`.
    InFile,
    /// Until the hub ends, since `usage.db` could not be written at the start.
    InMemory,
}

/// Where the counting's tasks run. Ends when it is closed, or when nobody is left who could close it.
#[derive(Debug)]
struct Thread {
    running: Mutex<Option<(oneshot::Sender<Duration>, JoinHandle<Closed>)>>,
}

impl Metering {
    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// When this month began, and what all keys have used in it on this state; nothing if that is not kept.
    pub(crate) async fn charged_here(&self) -> Option<(Time, Amount)> {
        let month = self.usage.current_period();
        self.usage.checkpoint().await.ok()?;
        let rows = self.file.as_ref()?.report(month, month).await.ok()?;
        let charged = rows.iter().fold(Amount::ZERO, |sum, row| sum.plus(row.totals.used()));
        Some((self.calendar.start(month), charged))
    }

    /// Counts the key of this name from now on.
    pub(crate) fn register(&self, key: &str, limits: KeyLimits) -> Result<UsageHandle, MeteringError> {
        let subject = Subject::new(key).map_err(|error| MeteringError::Key(key.to_owned(), error.to_string()))?;
        let registered = self.usage.register(&subject, self.mode, monthly(limits));
        registered.map_err(|error: RegisterError| MeteringError::Key(key.to_owned(), error.to_string()))
    }

    /// Keeps what was counted, and tells the shared store, for at most about this long. Blocks the thread. A second call does
    /// nothing.
    pub(crate) fn close(&self, deadline: Duration) {
        let running = self
            .thread
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some((stop, thread)) = running else { return };
        // It listens as long as it runs, and if it does not run, there is nothing to close.
        let _ = stop.send(deadline);
        match thread.join() {
            Ok(closed) => report(&closed),
            Err(_) => tracing::error!("the counting of usage ended in a panic"),
        }
    }
}

fn report(closed: &Closed) {
    if closed.checkpoint_failed {
        tracing::error!("what was used last could not be kept in usage.db");
    }
    if !closed.unpushed.is_empty() {
        tracing::warn!(
            cells = closed.unpushed.len(),
            "the shared store of usage does not know all of what was used; the next start tells it"
        );
    }
}

/// The part of a key's limits that is by the month.
pub(crate) fn monthly(limits: KeyLimits) -> Limits {
    Limits {
        api_requests: limits.api_requests,
        egress_bytes: limits.egress_bytes,
        ingress_bytes: limits.ingress_bytes,
    }
}
