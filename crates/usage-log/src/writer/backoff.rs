//! When a sink that failed is called again.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use tokio::time::Instant;

use crate::{settings::Settings, shared::in_time, sink::SinkError};

/// When to call a sink again that failed.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    jitter: f64,
    chance: f64,
    failures: u32,
    until: Option<Instant>,
    reason: String,
}

impl Backoff {
    pub(super) fn new(settings: &Settings) -> Self {
        Backoff {
            min: settings.retry_min,
            max: settings.retry_max,
            jitter: settings.batch_age_jitter.clamp(0.0, 1.0),
            chance: chance(),
            failures: 0,
            until: None,
            reason: String::new(),
        }
    }

    pub(super) fn succeeded(&mut self) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "the usage log's sink stores again");
        }
        self.failures = 0;
        self.until = None;
        self.chance = chance();
    }

    pub(super) fn failed(&mut self, error: &SinkError) {
        let source = std::error::Error::source(error).map(ToString::to_string);
        self.reason = source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        if self.failures == 0 {
            tracing::error!(reason = self.reason, "the usage log's sink fails; its records wait");
        }
        let doubled = self
            .min
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(self.max);
        self.failures = self.failures.saturating_add(1);
        self.chance = chance();
        let wait = error.retry_after().map_or(doubled, |asked| asked.min(self.max));
        self.until = Some(in_time(self.shortened(wait)));
    }

    /// What went wrong last.
    pub(super) fn reason(&self) -> String {
        self.reason.clone()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.wait().is_some()
    }

    /// How long to wait.
    pub(super) fn wait(&self) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// A wait, of a day at most, shortened by chance; by the same until the next call.
    pub(super) fn shortened(&self, wait: Duration) -> Duration {
        const DAY: Duration = Duration::from_secs(86_400);
        wait.min(DAY).mul_f64(1.0 - self.jitter * self.chance)
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    let [a, b, ..] = RandomState::new().hash_one(0_u8).to_le_bytes();
    f64::from(u16::from_le_bytes([a, b])) / f64::from(u16::MAX)
}
