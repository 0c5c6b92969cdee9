//! Follows an access log: the lossless way, for what NGINX has written is on disk until it is stored.
//!
//! The file is known by its inode, its birth and its first line, so a rotation that renames it loses nothing: the renamed
//! file is read to its end, also after a restart, while the next one is begun. How far each is read stands in a position
//! file, which may lag: the id of a line (its own, or its file and place) makes a repeat harmless.
//!
//! A rotation that copies and truncates (`copytruncate`) loses the lines between the last read and the truncation; that it
//! happened is counted. Rename instead, and tell NGINX to reopen its logs (`nginx -s reopen`).

mod file_id;
mod files;
mod followed;
mod position;
mod sibling;

use std::{
    future::Future,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{Limits, Origin, deliver::deliver};
use crate::log::UsageLog;
use files::Files;
use followed::Batch;

/// What is followed, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TailSettings {
    /// The log. It need not be there yet. What is rotated stays beside it, under a name that begins with its own.
    pub path: PathBuf,
    /// Where to keep how far it is read. Without this file the log is read from its beginning.
    pub position_path: PathBuf,
    /// Whose lines they are.
    pub origin: Origin,
    /// What a line may have.
    pub limits: Limits,
    /// How long to wait before looking for more. Default 250 ms.
    pub poll_interval: Duration,
    /// How much is read and stored together. Default 1 MiB.
    pub batch_bytes_max: usize,
    /// How long a line is; longer ones are skipped and counted. Default 64 KiB.
    pub line_bytes_max: usize,
    /// How long a rotated file may be quiet before it is read no more: NGINX goes on writing to it until it reopens its
    /// logs. Default 60 s.
    pub rotated_kept: Duration,
    /// How many rotated files are followed at a time; the oldest are given up beyond, and counted. Default 64.
    pub rotated_files_max: usize,
}

impl TailSettings {
    /// The defaults.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, position_path: impl Into<PathBuf>, origin: Origin) -> Self {
        TailSettings {
            path: path.into(),
            position_path: position_path.into(),
            origin,
            limits: Limits::default(),
            poll_interval: Duration::from_millis(250),
            batch_bytes_max: 1 << 20,
            line_bytes_max: 64 << 10,
            rotated_kept: Duration::from_secs(60),
            rotated_files_max: 64,
        }
    }
}

/// What a tail has seen since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TailCounts {
    /// Lines that the usage log has taken; what became of them there, it counts itself.
    pub recorded: u64,
    /// Lines that are not understood, among them those that a file ended within.
    pub malformed: u64,
    /// Lines that are too long.
    pub too_long: u64,
    /// Times that another file took the log's name.
    pub rotations: u64,
    /// Times that a file lost its beginning: lines may be missing.
    pub truncations: u64,
    /// Files that were not read to their end, and could not be found again or were too many.
    pub lost_files: u64,
    /// Times that reading, or keeping the position, failed.
    pub failures: u64,
    /// How many bytes there are to read yet, as far as was last seen.
    pub behind_bytes: u64,
    /// Whether the log is not there, or cannot be read, as far as was last seen. Between two files of a rotation it is there.
    pub is_unreadable: bool,
}

/// Follows a log and stores its lines. Cheap to clone; all clones count in one place.
#[derive(Debug, Clone)]
pub struct Tail {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log: UsageLog,
    settings: Arc<TailSettings>,
    counts: Mutex<TailCounts>,
}

impl Tail {
    /// A tail that stores into `log`.
    #[must_use]
    pub fn new(log: UsageLog, settings: TailSettings) -> Self {
        let settings = Arc::new(settings);
        let counts = Mutex::default();
        Tail {
            shared: Arc::new(Shared { log, settings, counts }),
        }
    }

    /// What was seen so far.
    #[must_use]
    pub fn counts(&self) -> TailCounts {
        *self.shared.counts()
    }

    /// Follows the log until `shutdown` is done or the usage log is closed. Lines are stored in the order of the file, the
    /// next batch after the last one is stored. What is not stored at the end is read at the next start.
    ///
    /// It needs a Tokio runtime with time; files are read on its blocking threads. One run at a time.
    ///
    /// # Errors
    /// The position file cannot be read: what was read before is not known. Errors later on are logged, counted, and tried
    /// again.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let settings = self.shared.settings.clone();
        let files = blocking(move || Files::open(settings)).await??;
        tokio::select! {
            () = shutdown => Ok(()),
            ended = self.shared.follow(files) => ended,
        }
    }
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, TailCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow(&self, mut files: Files) -> io::Result<()> {
        loop {
            let (back, batch) = blocking(move || {
                let batch = files.read(Instant::now());
                (files, batch)
            })
            .await?;
            files = back;
            let is_idle = batch.is_none();
            {
                let mut counts = self.counts();
                counts.behind_bytes = files.behind_bytes();
                counts.is_unreadable = files.is_unreadable();
            }
            if let Some(batch) = batch
                && !self.store(&mut files, batch).await
            {
                return Ok(());
            }
            let (back, kept) = blocking(move || {
                let kept = files.keep_position();
                (files, kept)
            })
            .await?;
            files = back;
            self.note(&mut files, kept);
            if is_idle {
                sleep(self.settings.poll_interval).await;
            }
        }
    }

    /// False if the log is closed.
    async fn store(&self, files: &mut Files, batch: Batch) -> bool {
        if !batch.events.is_empty() && deliver(&self.log, &batch.events).await.is_err() {
            return false;
        }
        let mut counts = self.counts();
        counts.recorded += batch.events.len() as u64;
        counts.malformed += batch.malformed;
        counts.too_long += batch.too_long;
        files.stored(&batch);
        counts.behind_bytes = files.behind_bytes();
        true
    }

    fn note(&self, files: &mut Files, kept: io::Result<()>) {
        let mut seen = std::mem::take(&mut files.seen);
        if let Err(error) = kept {
            seen.failures += 1;
            let path = self.settings.position_path.display();
            tracing::warn!(%error, %path, "cannot keep how far an access log is read");
        }
        let mut counts = self.counts();
        counts.malformed += seen.malformed;
        counts.rotations += seen.rotations;
        counts.truncations += seen.truncations;
        counts.lost_files += seen.lost_files;
        counts.failures += seen.failures;
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}
