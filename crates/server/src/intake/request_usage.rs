//! What one request uses: counted as it flows, charged when it is over, logged when its connection knows what it took.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use nexus_throttle::{Direction, Limiter};
use nexus_usage::{Amount, Field, Refusal, Reservation};
use nexus_usage_log::{
    Amounts, Clock, Dimensions, Outcome, Record,
    layer::{PendingRecord, Recorder, WireBytes},
};

use super::LogDimensions;
use crate::{accounts::Account, auth::Principal, usage_log::UsageLogHandle};

/// How long a slice is of a request that goes on: a download of an hour is not to appear in its last second.
const SLICE_INTERVAL: Duration = Duration::from_secs(10);

/// What one request uses that was admitted, and who sent it. Whoever serves it says when it is [over](Self::end), and what it took in all, with
/// [`finish`](Self::finish).
#[derive(Debug)]
pub(crate) struct RequestUsage {
    record: PendingRecord<Charge>,
    received: Reserved,
    sent: Reserved,
    /// Whether the whole answer was handed over.
    is_complete: AtomicBool,
}

/// The account that a request is charged to.
#[derive(Debug)]
struct Charge {
    principal: Principal,
    account: Arc<Account>,
    log: UsageLogHandle,
    dimensions: LogDimensions,
    /// None if the key cannot be counted, and behind the end.
    reservation: Mutex<Option<Reservation>>,
}

/// Bytes that are reserved in one direction.
type Reserved = AtomicU64;

impl RequestUsage {
    /// For a request that was admitted.
    pub(super) fn begin(
        principal: Principal,
        account: Arc<Account>,
        reservation: Option<Reservation>,
        log: UsageLogHandle,
        dimensions: LogDimensions,
    ) -> Self {
        let reserved = reservation.as_ref().map_or(Amount::ZERO, Reservation::reserved);
        let charge = Charge {
            principal,
            account,
            log,
            dimensions,
            reservation: Mutex::new(reservation),
        };
        RequestUsage {
            record: PendingRecord::begin(charge, Clock::default(), SLICE_INTERVAL),
            received: reserved.ingress_bytes.into(),
            sent: reserved.egress_bytes.into(),
            is_complete: AtomicBool::new(false),
        }
    }

    /// Who sent it.
    pub(crate) fn principal(&self) -> &Principal {
        &self.record.recorder().principal
    }

    /// What limits the bandwidth of its bodies.
    pub(crate) fn limiter(&self) -> Limiter {
        self.record.recorder().account.bandwidth().own().clone()
    }

    /// Whether it matters how long its heads are.
    pub(crate) fn is_logged(&self) -> bool {
        self.record.recorder().log.is_enabled()
    }

    /// Its head is so long, as far as that can be said; for connections that do not know what it took.
    pub(crate) fn received_head(&self, bytes: u64) {
        self.record.received_head(bytes);
    }

    /// It is answered so.
    pub(crate) fn answered(&self, status: u16, head_bytes: u64) {
        self.record.answered(status, head_bytes);
    }

    /// The whole answer was handed over.
    pub(crate) fn completed(&self) {
        self.is_complete.store(true, Relaxed);
    }

    /// Reserves so many bytes in all for this direction, as far as they are not yet.
    pub(crate) fn reserve(&self, direction: Direction, bytes: u64) -> Result<(), Refusal> {
        let (reserved, field) = match direction {
            Direction::Read => (&self.received, Field::IngressBytes),
            Direction::Write => (&self.sent, Field::EgressBytes),
        };
        let missing = bytes.saturating_sub(reserved.load(Relaxed));
        if missing == 0 {
            return Ok(());
        }
        let mut reservation = self.record.recorder().reservation();
        if let Some(reservation) = &mut *reservation {
            reservation.extend(Amount::of(field, missing))?;
        }
        reserved.fetch_add(missing, Relaxed);
        Ok(())
    }

    /// So many bytes more are about to flow; not, if they are beyond what may be used.
    pub(crate) fn announce(&self, direction: Direction, bytes: usize) -> Result<(), Refusal> {
        let flowed = match direction {
            Direction::Read => self.record.body_bytes_in(),
            Direction::Write => self.record.body_bytes(),
        };
        self.reserve(direction, flowed.saturating_add(bytes as u64))
    }

    /// So many bytes more flowed.
    pub(crate) fn flowed(&self, direction: Direction, bytes: usize) {
        match direction {
            Direction::Read => self.record.received(bytes as u64),
            Direction::Write => self.record.sent(bytes as u64),
        }
    }

    /// Its answer is at its end, or nobody waits for one any more: it is charged, before its last bytes have left.
    pub(crate) fn end(&self) {
        self.end_as(match self.record.status() {
            _ if self.is_complete.load(Relaxed) => Outcome::Complete,
            500.. => Outcome::Error,
            _ => Outcome::Aborted,
        });
    }

    /// As [`end`](Self::end), for whoever knows how it went; the first call counts.
    pub(super) fn end_as(&self, outcome: Outcome) {
        self.record.end(outcome);
    }

    /// Nothing of it passes any more: its record is made, with all that it took; without `wire`, with what was told of its heads.
    pub(crate) fn finish(&self, wire: Option<WireBytes>) {
        self.end();
        self.record.finish(wire);
    }
}

impl Charge {
    fn reservation(&self) -> std::sync::MutexGuard<'_, Option<Reservation>> {
        self.reservation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for Charge {
    fn dimensions(&self) -> Dimensions {
        let LogDimensions {
            service,
            route,
            client,
            method,
        } = &self.dimensions;
        Dimensions {
            key: Arc::clone(&self.principal.name),
            service: Arc::clone(service),
            route: Arc::clone(route),
            client: Arc::clone(client),
            method: Arc::clone(method),
            ..Dimensions::default()
        }
    }

    fn record(&self, record: impl FnOnce() -> Record) {
        self.log.record(record);
    }

    fn ended(&self, took: &Amounts) {
        if let Some(reservation) = self.reservation().take() {
            reservation.settle(Amount {
                api_requests: took.calls,
                ingress_bytes: took.body_bytes_in,
                egress_bytes: took.body_bytes,
            });
        }
    }

    fn unfinished(&self) {
        self.account.note_unfinished();
        tracing::error!(
            key = &*self.principal.name,
            route = &*self.dimensions.route,
            "a request ended without its end being told: it is charged and logged as it was seen; please report this"
        );
    }
}
