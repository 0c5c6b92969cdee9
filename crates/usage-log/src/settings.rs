//! How a log behaves.

use std::{path::PathBuf, time::Duration};

use nexus_calendar::Clock;

/// How a log behaves. Every field has a default.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// What happens when records come faster than they can be stored.
    pub overflow: Overflow,
    /// How many records wait in memory at most. Default 65 536.
    pub queue_records_max: usize,
    /// How many bytes they have at most. Default 64 MiB.
    pub queue_bytes_max: usize,
    /// How many bytes a record has at most, with what it takes in memory beside its texts. Default 16 KiB.
    pub record_bytes_max: usize,
    /// How many records go into the sink together at most. Default 20 000.
    pub batch_records_max: usize,
    /// How many bytes they have at most, as they wait in memory. Default 16 MiB.
    pub batch_bytes_max: usize,
    /// How long a record waits at most for others to join it in a batch. Default 1 s.
    pub batch_age_max: Duration,
    /// By how much of itself the age is shortened by chance, so that many logs do not store at the same instant: 0 is
    /// never, 1 is up to all of it. Default 0.25.
    pub batch_age_jitter: f64,
    /// How long to wait after a sink failed, at first; doubled at every failure that follows. Default 100 ms.
    pub retry_min: Duration,
    /// How long to wait at most. Default 30 s.
    pub retry_max: Duration,
    /// How many events of [`store`](crate::UsageLog::store) wait at most. Default 100 000.
    pub posted_events_max: usize,
    /// What is taken for the present.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            overflow: Overflow::DropNewest,
            queue_records_max: 65_536,
            queue_bytes_max: 64 << 20,
            record_bytes_max: 16 << 10,
            batch_records_max: 20_000,
            batch_bytes_max: 16 << 20,
            batch_age_max: Duration::from_secs(1),
            batch_age_jitter: 0.25,
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(30),
            posted_events_max: 100_000,
            clock: Clock::default(),
        }
    }
}

impl Settings {
    /// The defaults, with what does not fit into memory spilled to a directory. What most logs want.
    #[must_use]
    pub fn spill(directory: impl Into<PathBuf>) -> Self {
        Settings {
            overflow: Overflow::Spill(Spill::new(directory)),
            ..Settings::default()
        }
    }
}

/// What happens when records come faster than they can be stored. Everything but [`Spill`](Overflow::Spill) keeps records
/// in memory alone: what is not in the sink yet is gone with the process.
#[derive(Debug, Clone)]
pub enum Overflow {
    /// They are kept on disk, and there also between two batches: see [`Spill`]. When the disk's share is full too, the
    /// newest are dropped.
    Spill(Spill),
    /// [`record`](crate::UsageLog::record) blocks its thread until there is room. Not for a thread that runs others' tasks.
    Block,
    /// The record that does not fit is dropped.
    DropNewest,
    /// The record that waits longest is dropped.
    DropOldest,
    /// Records of one second that agree in all dimensions are added up, so that sums stay exact and single records are
    /// lost; what does not fit even so is dropped.
    Aggregate {
        /// How many sums wait in memory at most, beside the queue.
        sums_max: usize,
    },
}

/// Where records wait on disk. They survive the end of the process there, kill -9 too.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Spill {
    /// The directory: one log at a time.
    pub directory: PathBuf,
    /// How many bytes wait there at most. Default 8 GiB, about 400 million records.
    pub bytes_max: u64,
    /// How long a record is in memory only: what a kill -9 costs at most. Default 10 ms.
    pub checkpoint_interval: Duration,
    /// How long a record is in the page cache only, if it is not in the sink by then: what a loss of power costs at most.
    /// Default 1 s.
    pub sync_interval: Duration,
    /// At which size a file is closed and the next one begun: the grain in which disk space comes back. Default 16 MiB.
    pub segment_bytes_max: u64,
}

impl Spill {
    /// The defaults, in a directory that is made if it is missing.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Spill {
            directory: directory.into(),
            bytes_max: 8 << 30,
            checkpoint_interval: Duration::from_millis(10),
            sync_interval: Duration::from_secs(1),
            segment_bytes_max: 16 << 20,
        }
    }
}
