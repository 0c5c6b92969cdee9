//! One signal to end everything, and the signals of the operating system that give it.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Ends everything that holds the matching [`Shutdown`]. Dropping it does the same:
/// what nobody can stop any more is stopped.
#[derive(Debug)]
pub(crate) struct Trigger(watch::Sender<bool>);

/// A cheap handle that knows whether the end has been called for. It remembers: whoever asks
/// after the trigger fired is answered at once.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

impl Trigger {
    /// Calls for the end. Calling again changes nothing.
    pub(crate) fn fire(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// A trigger and the handle that waits for it.
    pub(crate) fn new() -> (Trigger, Self) {
        let (trigger, shutdown) = watch::channel(false);
        (Trigger(trigger), Self(shutdown))
    }

    /// Resolves once the trigger has fired (or was dropped).
    pub(crate) async fn fired(&self) {
        let mut fired = self.0.clone();
        // An error means that the trigger is gone, which counts as fired.
        drop(fired.wait_for(|fired| *fired).await);
    }

    /// Whether it has.
    pub(crate) fn has_fired(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// Resolves to the name of the signal when the process is told to end, by SIGTERM or SIGINT.
///
/// # Errors
///
/// When the operating system refuses to install the handlers.
pub(crate) async fn signals() -> io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn remembers_that_it_fired() {
        let (trigger, shutdown) = Shutdown::new();
        assert_eq!(shutdown.fired().now_or_never(), None);
        trigger.fire();
        trigger.fire();
        shutdown.clone().fired().await;
        shutdown.fired().await;
    }

    #[tokio::test]
    async fn a_dropped_trigger_counts_as_fired() {
        let (trigger, shutdown) = Shutdown::new();
        drop(trigger);
        shutdown.fired().await;
    }
}
