//! What the tests have in common.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use nexus_usage::{
    Amount, AtStart, Checkpoints, Clock, Faults, Ledger, Limits, Mode, OnLoss, Period, Settings, SharedLedger, Subject,
    Time, Totals, Usage, UsageHandle,
};

/// A clock that stands where it is set.
#[derive(Debug, Clone)]
pub(crate) struct SetClock(Arc<AtomicI64>);

impl SetClock {
    pub(crate) fn at(text: &str) -> Self {
        let clock = SetClock(Arc::default());
        clock.set(text);
        clock
    }

    pub(crate) fn set(&self, text: &str) {
        self.0.store(moment(text).millis(), Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let at = self.0.clone();
        Clock::new(move || Time::from_millis(at.load(Ordering::SeqCst)))
    }
}

/// `2026-11-30T23:59:59.9Z`
pub(crate) fn moment(text: &str) -> Time {
    Time::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

pub(crate) const NOON: &str = "2026-11-15T12:00:00Z";

/// A shared ledger in memory that fails as it is told to, and what one process keeps.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) faults: Faults,
    pub(crate) clock: SetClock,
}

impl World {
    pub(crate) fn new() -> Self {
        World {
            ledger: Ledger::memory(),
            faults: Faults::default(),
            clock: SetClock::at(NOON),
        }
    }

    pub(crate) fn settings(&self, checkpoints: Option<&Checkpoints>) -> Settings {
        Settings {
            clock: self.clock.clock(),
            checkpoints: checkpoints.cloned(),
            shared: Some(SharedLedger {
                ledger: self.ledger.clone().with_faults(&self.faults),
                at_start: AtStart::Optional,
                on_loss: OnLoss::GoOn,
            }),
            ..Settings::default()
        }
    }

    /// A process without checkpoints, that does nothing by itself.
    pub(crate) async fn hub(&self) -> Usage {
        Usage::open_idle(self.settings(None)).await.unwrap()
    }

    /// A process that does nothing by itself.
    pub(crate) async fn hub_with(&self, checkpoints: &Checkpoints) -> Usage {
        Usage::open_idle(self.settings(Some(checkpoints))).await.unwrap()
    }

    /// What the shared ledger holds: requests by period and subject.
    pub(crate) async fn requests(&self) -> BTreeMap<String, u64> {
        requests_in(&self.ledger).await
    }
}

pub(crate) async fn requests_in(ledger: &Ledger) -> BTreeMap<String, u64> {
    let rows = ledger.report(month("0000-01"), month("9998-12")).await.unwrap();
    let row = |row: nexus_usage::Row| {
        (
            format!("{} {}", row.period, row.subject),
            row.totals.used().api_requests,
        )
    };
    rows.into_iter().map(row).collect()
}

pub(crate) async fn totals_in(ledger: &Ledger) -> BTreeMap<(Period, Subject), Totals> {
    let rows = ledger.report(month("0000-01"), month("9998-12")).await.unwrap();
    rows.into_iter()
        .map(|row| ((row.period, row.subject), row.totals))
        .collect()
}

pub(crate) fn month(text: &str) -> Period {
    text.parse().unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn amount(api_requests: u64, egress_bytes: u64, ingress_bytes: u64) -> Amount {
    Amount {
        api_requests,
        egress_bytes,
        ingress_bytes,
    }
}

pub(crate) fn requests(limit: u64) -> Limits {
    Limits {
        api_requests: limit,
        ..Limits::UNLIMITED
    }
}

pub(crate) const ONE: Amount = Amount {
    api_requests: 1,
    egress_bytes: 0,
    ingress_bytes: 0,
};

/// A subject `a` with so many requests.
pub(crate) fn handle(usage: &Usage, mode: Mode, limit: u64) -> UsageHandle {
    usage.register(&subject("a"), mode, requests(limit)).unwrap()
}

/// What there is, if nobody needs to be waited for.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
