use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use nexus_throttle::Direction;
use nexus_usage::{Amount, Field, Refusal, Reservation};

/// What one request uses. Its bodies hold it together with whoever answers it; when the last of them lets it go, what it used is
/// counted, however it ended.
#[derive(Debug)]
pub(super) struct Bill {
    /// None if the key cannot be counted.
    reservation: Mutex<Option<Reservation>>,
    received: Way,
    sent: Way,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    /// Bytes that flowed.
    bytes: AtomicU64,
    /// Bytes that are reserved.
    reserved: AtomicU64,
}

impl Bill {
    /// For a request that was admitted.
    pub(super) fn new(reservation: Option<Reservation>) -> Self {
        let reserved = reservation.as_ref().map_or(Amount::ZERO, Reservation::reserved);
        let way = |field| Way {
            bytes: AtomicU64::new(0),
            reserved: AtomicU64::new(reserved.get(field)),
        };
        Bill {
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
    }

    fn way(&self, direction: Direction) -> (&Way, Field) {
        match direction {
            Direction::Read => (&self.received, Field::IngressBytes),
            Direction::Write => (&self.sent, Field::EgressBytes),
        }
    }
}

fn whole(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Drop for Bill {
    fn drop(&mut self) {
        let reservation = self.reservation.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(reservation) = reservation.take() {
            reservation.settle(Amount {
                api_requests: 1,
                egress_bytes: self.sent.bytes.load(Relaxed),
                ingress_bytes: self.received.bytes.load(Relaxed),
            });
        }
    }
}
