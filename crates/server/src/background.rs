//! Work that is large and that nobody is to wait for: snapshots, the pieces of scrapes, reports. Its threads have a lower
//! priority, so that it gets what processor requests leave.

use std::{io, sync::Arc};

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinError,
};

/// How many pieces of work go on at once; the rest waits for its turn. More than there are processors: a snapshot waits for the
/// disk, and a long report is not to keep scrapes waiting.
const THREADS_MAX: usize = 16;
/// How much lower the priority is, as `nice` counts it: beside a busy thread such a one gets about a tenth.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// A handle on the threads. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    threads: Arc<Threads>,
}

/// A runtime for its blocking threads only. None once it is dropped.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Background {
    /// No thread is started before there is work.
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(THREADS_MAX)
            .thread_name("background")
            .on_thread_start(lower_priority)
            .build()?;
        Ok(Background {
            threads: Arc::new(Threads(Some(runtime))),
        })
    }

    /// Does the work on one of the threads. Work that has begun goes on although nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        match &self.threads.0 {
            Some(runtime) => runtime.spawn_blocking(work).await,
            // Only while it is being dropped, when nobody has a handle.
            None => tokio::task::spawn_blocking(work).await,
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Where a runtime may not wait for its threads.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Of the calling thread. If it is refused, the work is only as urgent as everything else.
fn lower_priority() {
    // Elsewhere this would be about the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_its_own_threads_have_a_lower_priority() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let background = Background::new().unwrap();
        assert_eq!(background.run(priority).await.unwrap(), (before + NICE).min(19));
        assert_eq!(priority(), before);
        drop(background);
    }
}
