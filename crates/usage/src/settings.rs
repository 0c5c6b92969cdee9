//! How usage is counted and kept.

use std::{num::NonZeroU32, time::Duration};

use crate::{Calendar, Checkpoints, Clock, Ledger, OnLoss};

/// How usage is counted and kept. `Settings::default()` counts in memory only.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When periods begin and end. Default: months in UTC.
    pub calendar: Calendar,
    /// What time it is, where the caller does not say. Default: the machine's clock.
    pub clock: Clock,
    /// Where this process keeps what it has counted. Without, a crash loses all that no shared ledger has been told.
    pub checkpoints: Option<Checkpoints>,
    /// Where the usage of several processes comes together. Without, this process is alone.
    pub shared: Option<SharedLedger>,
    /// How long a use may be known to this process only, before it stands in the checkpoints. Default: 20 ms.
    pub checkpoint_interval: Duration,
    /// How often the shared ledger is told, and asked what the others have used. Default: 200 ms.
    pub push_interval: Duration,
    /// The same while any subject is near a limit. Default: 50 ms.
    pub push_fast_interval: Duration,
    /// How much of a limit is near it. Default: 80 %.
    pub near_percent: u8,
    /// How long the shared ledger may take for an answer. Default: 2 s.
    pub operation_timeout: Duration,
    /// After how many failures in a row the shared ledger is lost. Default: 3.
    pub failures_max: NonZeroU32,
    /// How long a lease is valid. What a process that dies has leased and not used comes back to the others after this time.
    /// Default: 30 s.
    pub lease_valid_for: Duration,
    /// The most of a limit that is leased at once. Near the limit it is less: half of what is left. Default: 5 %.
    pub lease_percent_max: u8,
    /// How far bytes of requests under way may go beyond a limit by [`Reservation::extend`](crate::Reservation::extend), all
    /// requests of a subject together. Default: 1 MiB.
    pub overrun_bytes_max: u64,
    /// How many subjects there may be. Default: 100 000.
    pub subjects_max: usize,
    /// How many milestones wait for a reader who is slow; then the oldest are dropped, and the reader is told how many.
    /// Default: 1024.
    pub milestones_waiting_max: usize,
}

/// A ledger that several processes share.
#[derive(Debug, Clone)]
pub struct SharedLedger {
    /// Which.
    pub ledger: Ledger,
    /// Whether it must be reached at the start.
    pub at_start: AtStart,
    /// What is admitted while it cannot be reached.
    pub on_loss: OnLoss,
}

/// What if the shared ledger cannot be reached at the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AtStart {
    /// It is an error.
    #[default]
    Required,
    /// It is lost until it can be reached.
    Optional,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            calendar: Calendar::UTC,
            clock: Clock::SYSTEM,
            checkpoints: None,
            shared: None,
            checkpoint_interval: Duration::from_millis(20),
            push_interval: Duration::from_millis(200),
            push_fast_interval: Duration::from_millis(50),
            near_percent: 80,
            operation_timeout: Duration::from_secs(2),
            failures_max: NonZeroU32::MIN.saturating_add(2),
            lease_valid_for: Duration::from_secs(30),
            lease_percent_max: 5,
            overrun_bytes_max: 1 << 20,
            subjects_max: 100_000,
            milestones_waiting_max: 1024,
        }
    }
}

impl Settings {
    /// Every mistake in them.
    pub fn mistakes(&self) -> Vec<SettingsMistake> {
        let durations = [
            ("checkpoint_interval", self.checkpoint_interval),
            ("push_interval", self.push_interval),
            ("push_fast_interval", self.push_fast_interval),
            ("operation_timeout", self.operation_timeout),
            ("lease_valid_for", self.lease_valid_for),
        ];
        let zero = durations.iter().filter(|(_, duration)| duration.is_zero());
        let mut mistakes: Vec<_> = zero.map(|&(name, _)| SettingsMistake::Zero { name }).collect();
        if self.push_fast_interval > self.push_interval {
            mistakes.push(SettingsMistake::FastIsSlower);
        }
        for (name, percent) in [
            ("near_percent", self.near_percent),
            ("lease_percent_max", self.lease_percent_max),
        ] {
            if !(1..=99).contains(&percent) {
                mistakes.push(SettingsMistake::Percent { name, percent });
            }
        }
        for (name, value) in [
            ("subjects_max", self.subjects_max),
            ("milestones_waiting_max", self.milestones_waiting_max),
        ] {
            if value == 0 {
                mistakes.push(SettingsMistake::Zero { name });
            }
        }
        mistakes
    }
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsMistake {
    /// It must be more than nothing.
    #[error("{name} must be more than zero")]
    Zero {
        /// Which setting.
        name: &'static str,
    },
    /// It is no useful part of a limit.
    #[error("{name} must be from 1 to 99, not {percent}")]
    Percent {
        /// Which setting.
        name: &'static str,
        /// What it is.
        percent: u8,
    },
    /// The fast interval is the longer one.
    #[error("push_fast_interval must not be longer than push_interval")]
    FastIsSlower,
}
