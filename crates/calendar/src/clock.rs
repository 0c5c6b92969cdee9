//! What is taken for the present.

use std::{fmt, sync::Arc};

use crate::Time;

/// What time it is. The machine's clock may be set at any moment, forward and back; only tests need another one.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> Time + Send + Sync>>);

impl Clock {
    /// The machine's.
    pub const SYSTEM: Clock = Clock(None);

    /// Whatever this function says.
    pub fn new(now: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        Clock(Some(Arc::new(now)))
    }

    /// What it says.
    #[must_use]
    pub fn now(&self) -> Time {
        self.0.as_ref().map_or_else(Time::now, |now| now())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Clock::new(..)"
        } else {
            "Clock::SYSTEM"
        })
    }
}
