//! Ends waiting that leads nowhere.
//!
//! hyper has one timer for an HTTP/1 header and for the silence before it, and none for the rest.
//! Here each thing a connection can wait for has its own limit. The watchdog is polled together
//! with the connection, after it: whatever moves the connection is noticed in the same step, and
//! while nothing moves, a single timer is armed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::activity::{Activity, Phase};
use super::limits::Limits;

/// Watches one connection.
#[derive(Debug)]
pub(super) struct Watchdog {
    activity: Arc<Activity>,
    limits: PhaseLimits,
    /// What was seen last, and since when nothing else was.
    seen: (Phase, u64),
    since: Instant,
    alarm: Pin<Box<Sleep>>,
}

/// How long each phase may last without progress.
#[derive(Clone, Copy, Debug)]
struct PhaseLimits {
    idle: Duration,
    header: Duration,
    answer: Duration,
}

impl From<&Limits> for PhaseLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            idle: limits.idle_timeout,
            header: limits.header_timeout,
            answer: limits.body_idle_timeout,
        }
    }
}

impl PhaseLimits {
    fn of(self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Idle => Some(self.idle),
            Phase::Header => Some(self.header),
            Phase::Answering => Some(self.answer),
            Phase::Working => None,
        }
    }
}

impl Watchdog {
    pub(super) fn new(activity: Arc<Activity>, limits: &Limits) -> Self {
        let limits = PhaseLimits::from(limits);
        Self {
            seen: activity.reading(),
            activity,
            limits,
            since: Instant::now(),
            alarm: Box::pin(sleep(limits.idle)),
        }
    }

    /// What the connection was last seen waiting for.
    pub(super) fn phase(&self) -> Phase {
        self.seen.0
    }

    /// Ready, with what was waited for in vain, once the connection should be closed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Phase> {
        let reading = self.activity.reading();
        if reading != self.seen {
            self.seen = reading;
            self.since = Instant::now();
        }
        let phase = self.phase();
        let Some(limit) = self.limits.of(phase) else {
            return Poll::Pending;
        };
        let deadline = self.since + limit;
        // An alarm that is too early is cheaper to go off and be set again than to be moved with
        // every request; one that is too late has to be moved.
        if deadline < self.alarm.deadline() {
            self.alarm.as_mut().reset(deadline);
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            if self.alarm.deadline() >= deadline {
                return Poll::Ready(phase);
            }
            self.alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
