//! Work that is large and that nobody is to wait for: snapshots, the pieces of scrapes, reports. Its threads have a lower
//! priority, so that it gets what processor requests leave.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::JoinError,
};

/// How many pieces of work go on at once; the rest waits for its turn. More than there are processors: a snapshot waits for the
/// disk.
const THREADS_MAX: usize = 16;
/// How many of them may be of those that can take minutes, so that they never keep scrapes waiting.
const LONG_MAX: usize = 4;
/// How many of them may be of one key, so that others have their turn.
const KEY_MAX: usize = 4;
/// How much lower the priority is, as `nice` counts it: beside a busy thread such a one gets about a tenth.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// A handle on the threads. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    threads: Arc<Threads>,
    long: Arc<Semaphore>,
    by_key: Arc<Mutex<HashMap<Arc<str>, Arc<Semaphore>>>>,
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
            long: Arc::new(Semaphore::new(LONG_MAX)),
            by_key: Arc::default(),
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

    /// As [`Background::run`], for work that a request of this key asks for. Waits for its turn if too much of that goes on.
    pub(crate) async fn run_of<T: Send + 'static>(
        &self,
        key: &Arc<str>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let turns = {
            let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
            let turns = by_key.entry(Arc::clone(key));
            Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(KEY_MAX))))
        };
        self.run_in_turn(turns, work).await
    }

    /// As [`Background::run`], for work that may take minutes. Waits for its turn if too much of that goes on.
    pub(crate) async fn run_long<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        self.run_in_turn(self.long.clone(), work).await
    }

    async fn run_in_turn<T: Send + 'static>(
        &self,
        turns: Arc<Semaphore>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        // The semaphore is never closed. It goes with the work, which goes on if nobody waits for it any more.
        let turn = turns.acquire_owned().await.ok();
        self.run(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
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

    #[tokio::test]
    async fn work_that_hangs_keeps_no_other_work_waiting() {
        let background = Background::new().unwrap();
        let (end, ended) = std::sync::mpsc::sync_channel::<()>(0);
        let ended = Arc::new(Mutex::new(ended));
        let hanging = (0..2 * THREADS_MAX).map(|_| {
            let (background, ended) = (background.clone(), ended.clone());
            tokio::spawn(async move { background.run_long(move || ended.lock().unwrap().recv()).await })
        });
        let hanging: Vec<_> = hanging.collect();
        tokio::task::yield_now().await;
        let other = tokio::time::timeout(std::time::Duration::from_secs(60), background.run(|| 1));
        assert_eq!(other.await.expect("it waits for what hangs").unwrap(), 1);
        drop(end);
        for work in hanging {
            assert!(work.await.unwrap().unwrap().is_err());
        }
    }
}
