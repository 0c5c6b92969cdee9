//! When something last moved between a client and the upstream.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Of one exchange, in both directions. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Activity {
    last: Arc<Mutex<Instant>>,
    idle_max: Duration,
    _under_way: UnderWay,
}

/// Held by whatever still counts; whoever has the other end knows when nothing does.
pub(crate) type UnderWay = mpsc::Sender<()>;

impl Activity {
    pub(crate) fn new(idle_max: Duration, under_way: UnderWay) -> Self {
        Activity {
            last: Arc::new(Mutex::new(Instant::now())),
            idle_max,
            _under_way: under_way,
        }
    }

    pub(crate) fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Ends when nothing has moved for too long.
    pub(crate) async fn stalled(self) -> Stalled {
        loop {
            let until = self.stalls_at();
            sleep_until(until).await;
            if self.stalls_at() <= until {
                return Stalled(self.idle_max);
            }
        }
    }

    fn stalls_at(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) + self.idle_max
    }
}

/// Nothing moved for so long.
#[derive(Debug)]
pub(crate) struct Stalled(Duration);

impl std::fmt::Display for Stalled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "nothing moved for {} s", self.0.as_secs_f64())
    }
}

impl std::error::Error for Stalled {}
