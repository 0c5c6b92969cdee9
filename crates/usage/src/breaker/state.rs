//! The states of a circuit breaker.

use tokio::time::Instant;

use super::BreakerSettings;

/// What a breaker is in. Pure: it is told the time.
#[derive(Debug)]
pub(super) enum State {
    Closed { failures: u32 },
    Open { probe_at: Instant },
}

impl State {
    pub(super) fn closed() -> Self {
        State::Closed { failures: 0 }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self, State::Open { .. })
    }

    pub(super) fn probe_at(&self) -> Option<Instant> {
        match self {
            State::Closed { .. } => None,
            State::Open { probe_at } => Some(*probe_at),
        }
    }

    /// A success that comes when the breaker has opened meanwhile is older than what opened it.
    pub(super) fn call_succeeded(&mut self) {
        if let State::Closed { failures } = self {
            *failures = 0;
        }
    }

    pub(super) fn call_failed(&mut self, now: Instant, settings: &BreakerSettings) {
        if let State::Closed { failures } = self {
            *failures += 1;
            if *failures >= settings.failures_max.get() {
                *self = State::open(now, settings);
            }
        }
    }

    /// Whether a probe is due; then it is the caller's, and the next one is due an interval later, whatever becomes of it.
    pub(super) fn begin_probe(&mut self, now: Instant, settings: &BreakerSettings) -> bool {
        let due = self.probe_at().is_some_and(|at| at <= now);
        if due {
            *self = State::open(now, settings);
        }
        due
    }

    pub(super) fn probe_succeeded(&mut self) {
        *self = State::closed();
    }

    pub(super) fn probe_failed(&mut self, now: Instant, settings: &BreakerSettings) {
        if self.is_open() {
            *self = State::open(now, settings);
        }
    }

    fn open(now: Instant, settings: &BreakerSettings) -> Self {
        State::Open {
            probe_at: now + settings.probe_interval,
        }
    }
}
