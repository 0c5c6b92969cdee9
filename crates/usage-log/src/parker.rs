//! How one thread sleeps and others wake it.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

/// Wakes one thread. To notify costs a system call only if the thread has not been notified since it last woke.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    thread: OnceLock<Thread>,
    notified: AtomicBool,
}

impl Parker {
    /// Makes the current thread the one to wake. A notification from before wakes it at once.
    pub(crate) fn register_current(&self) {
        // A parker has one thread for its whole life.
        let _ = self.thread.set(thread::current());
    }

    pub(crate) fn notify(&self) {
        if !self.notified.swap(true, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Sleeps until it is notified or for so long; may also wake for no reason.
    pub(crate) fn wait(&self, at_most: Duration) {
        if !self.notified.load(Ordering::Acquire) {
            thread::park_timeout(at_most);
        }
        self.notified.store(false, Ordering::Release);
    }
}
