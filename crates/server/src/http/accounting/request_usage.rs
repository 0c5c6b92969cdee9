use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::response::Response;
use nexus_throttle::Direction;
use nexus_usage::{Amount, Field, Refusal, Reservation};
use nexus_usage_log::{Amounts, Dimensions, Outcome, Record, Time};
use tokio::time::Instant;

use super::heads::Heads;
use crate::usage_log::UsageLogHandle;

/// What the usage log says of a request, beside its bytes.
#[derive(Debug, Default)]
pub(super) struct LogDimensions {
    pub(super) key: Arc<str>,
    pub(super) service: Arc<str>,
    pub(super) route: Arc<str>,
    pub(super) client: Arc<str>,
    pub(super) method: Arc<str>,
    /// What it takes beside its bodies.
    pub(super) heads: Heads,
}

/// What one request uses. Its bodies hold it together with whoever answers it; when the last of them lets it go, what it used is
/// counted and logged, however it ended.
#[derive(Debug)]
pub(super) struct RequestUsage {
    log: UsageLogHandle,
    about: LogDimensions,
    /// What stands in the usage log already: a download of an hour is not to appear in its last second.
    sliced: Mutex<Sliced>,
    /// What it was answered, or 0.
    status: AtomicU16,
    /// Whether its last body has come to its end.
    complete: AtomicBool,
    /// None if the key cannot be counted.
    reservation: Mutex<Option<Reservation>>,
    received: DirectionUsage,
    sent: DirectionUsage,
}

/// What of a request was logged in slices.
#[derive(Debug)]
struct Sliced {
    until: Instant,
    used: Amount,
}

/// How long a slice is of a request that goes on.
const SLICE: Duration = Duration::from_secs(10);

/// One direction.
#[derive(Debug, Default)]
struct DirectionUsage {
    /// Bytes that flowed.
    bytes: AtomicU64,
    /// Bytes that are reserved.
    reserved: AtomicU64,
}

impl RequestUsage {
    /// For a request that was admitted.
    pub(super) fn new(reservation: Option<Reservation>, log: UsageLogHandle, about: LogDimensions) -> Self {
        let reserved = reservation.as_ref().map_or(Amount::ZERO, Reservation::reserved);
        let way = |field| DirectionUsage {
            bytes: AtomicU64::new(0),
            reserved: AtomicU64::new(reserved.get(field)),
        };
        RequestUsage {
            log,
            about,
            sliced: Mutex::new(Sliced {
                until: Instant::now(),
                used: Amount::ZERO,
            }),
            status: AtomicU16::new(0),
            complete: AtomicBool::new(false),
            received: way(Field::IngressBytes),
            sent: way(Field::EgressBytes),
            reservation: Mutex::new(reservation),
        }
    }

    /// Reserves so many bytes in all for this direction, as far as they are not yet.
    pub(super) fn reserve(&self, direction: Direction, bytes: u64) -> Result<(), Refusal> {
        let (way, field) = self.way(direction);
        let missing = bytes.saturating_sub(way.reserved.load(Relaxed));
        if missing == 0 {
            return Ok(());
        }
        let mut reservation = self.reservation.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reservation) = &mut *reservation {
            reservation.extend(Amount::of(field, missing))?;
        }
        way.reserved.fetch_add(missing, Relaxed);
        Ok(())
    }

    /// So many bytes more are about to flow; not, if they are beyond what may be used.
    pub(super) fn announce(&self, direction: Direction, bytes: usize) -> Result<(), Refusal> {
        let flowed = self.way(direction).0.bytes.load(Relaxed);
        self.reserve(direction, flowed.saturating_add(whole(bytes)))
    }

    /// So many bytes more flowed.
    pub(super) fn flowed(&self, direction: Direction, bytes: usize) {
        self.way(direction).0.bytes.fetch_add(whole(bytes), Relaxed);
        let mut sliced = self.sliced.lock().unwrap_or_else(PoisonError::into_inner);
        if sliced.until.elapsed() >= SLICE {
            self.log.record(|| self.record(&mut sliced, 0, Outcome::Ongoing));
        }
    }

    fn used(&self) -> Amount {
        Amount {
            api_requests: 1,
            egress_bytes: self.sent.bytes.load(Relaxed),
            ingress_bytes: self.received.bytes.load(Relaxed),
        }
    }

    /// It is answered so.
    pub(super) fn answered(&self, response: &Response) {
        self.status.store(response.status().as_u16(), Relaxed);
        self.about.heads.answered(response);
    }

    /// The whole answer was handed over.
    pub(super) fn completed(&self) {
        self.complete.store(true, Relaxed);
    }

    fn outcome(&self) -> Outcome {
        match (self.complete.load(Relaxed), self.status.load(Relaxed)) {
            (true, _) => Outcome::Complete,
            (false, 500..) => Outcome::Error,
            (false, _) => Outcome::Aborted,
        }
    }

    /// What was used since the last slice.
    fn record(&self, sliced: &mut Sliced, calls: u64, outcome: Outcome) -> Record {
        let used = self.used();
        let since = used.minus(sliced.used);
        let took = sliced.until.elapsed();
        *sliced = Sliced {
            until: sliced.until + took,
            used,
        };
        Record {
            ended_at: Time::now(),
            dimensions: Dimensions {
                key: Arc::clone(&self.about.key),
                service: Arc::clone(&self.about.service),
                route: Arc::clone(&self.about.route),
                client: Arc::clone(&self.about.client),
                method: Arc::clone(&self.about.method),
                status: self.status.load(Relaxed),
                outcome,
                ..Dimensions::default()
            },
            amounts: Amounts {
                calls,
                bytes_in: since.ingress_bytes,
                bytes_out: since.egress_bytes,
                body_bytes_in: since.ingress_bytes,
                body_bytes: since.egress_bytes,
                duration_ns: u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
            },
        }
    }

    fn way(&self, direction: Direction) -> (&DirectionUsage, Field) {
        match direction {
            Direction::Read => (&self.received, Field::IngressBytes),
            Direction::Write => (&self.sent, Field::EgressBytes),
        }
    }
}

fn whole(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Drop for RequestUsage {
    fn drop(&mut self) {
        {
            let mut sliced = self.sliced.lock().unwrap_or_else(PoisonError::into_inner);
            let before = Amounts {
                bytes_in: sliced.used.ingress_bytes,
                bytes_out: sliced.used.egress_bytes,
                ..Amounts::default()
            };
            let exchange = self
                .log
                .exchange(|| self.record(&mut sliced, 1, self.outcome()), before);
            if let Some(exchange) = exchange {
                self.about.heads.settle(exchange);
            }
        }
        let used = self.used();
        let reservation = self.reservation.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(reservation) = reservation.take() {
            reservation.settle(used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::UsageLog, usage_log::UsageLogHandle};

    #[tokio::test(start_paused = true)]
    async fn a_long_answer_is_logged_in_slices_that_add_up() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("usage-log.db");
        let log = UsageLogHandle::open(&UsageLog::default(), &file, &directory.path().join("spill")).unwrap();
        let usage = RequestUsage::new(None, log.clone(), LogDimensions::default());
        for seconds in [1, 10, 3, 10] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            usage.flowed(Direction::Write, 100);
        }
        usage.answered(&Response::default());
        usage.completed();
        drop(usage);
        log.flush(Duration::from_secs(10));
        let query = nexus_usage_log::Query {
            group_by: vec!["outcome".parse().unwrap()],
            ..nexus_usage_log::Query::default()
        };
        let report = nexus_usage_log::Reports::open(&file).unwrap().report(&query).unwrap();
        let rows: Vec<_> = report
            .rows
            .iter()
            .map(|row| (row.group.join(""), row.amounts.calls, row.amounts.bytes_out))
            .collect();
        let row = |outcome: &str, calls, bytes| (outcome.to_owned(), calls, bytes);
        assert_eq!(rows, [row("complete", 1, 0), row("ongoing", 0, 400)]);
        let took: u64 = report.rows.iter().map(|row| row.amounts.duration_ns).sum();
        assert_eq!(took, 24_000_000_000);
    }
}
