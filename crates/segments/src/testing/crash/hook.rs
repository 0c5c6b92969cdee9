//! Something else that happens in the middle of an operation.

use std::{
    ffi::OsStr,
    fmt,
    path::Path,
    thread::{self, ThreadId},
};

use super::CrashDisk;

/// What to do on this thread before each operation on a file of this kind.
pub(super) struct Hook {
    extension: &'static str,
    thread: ThreadId,
    act: Box<dyn FnMut(usize) + Send>,
    count: usize,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl CrashDisk {
    /// Calls `hook` on this thread, with a number that rises from 0, before each operation on a file with this extension.
    pub fn set_hook(&self, extension: &'static str, hook: impl FnMut(usize) + Send + 'static) {
        self.lock().hook = Some(Hook {
            extension,
            thread: thread::current().id(),
            act: Box::new(hook),
            count: 0,
        });
    }

    /// Nothing is called any more.
    pub fn clear_hook(&self) {
        self.lock().hook = None;
    }

    /// The hook uses the disk, so it runs without the lock.
    pub(super) fn run_hook(&self, path: &Path) {
        let mut shared = self.lock();
        let is_due = |hook: &mut Hook| {
            hook.thread == thread::current().id() && path.extension() == Some(OsStr::new(hook.extension))
        };
        let Some(mut hook) = shared.hook.take_if(is_due) else {
            return;
        };
        drop(shared);
        (hook.act)(hook.count);
        hook.count += 1;
        self.lock().hook = Some(hook);
    }
}
