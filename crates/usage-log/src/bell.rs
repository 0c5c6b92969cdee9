use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

/// Wakes one thread. Ringing costs a system call only if the thread sleeps or a ring is not heard yet.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    thread: OnceLock<Thread>,
    rung: AtomicBool,
}

impl Bell {
    /// Makes the current thread the one to wake. What was rung before is heard at once.
    pub(crate) fn answer_here(&self) {
        // A bell has one thread for its whole life.
        let _ = self.thread.set(thread::current());
    }

    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Sleeps until it rings or for so long; may also wake for no reason.
    pub(crate) fn wait(&self, at_most: Duration) {
        if !self.rung.load(Ordering::Acquire) {
            thread::park_timeout(at_most);
        }
        self.rung.store(false, Ordering::Release);
    }
}
