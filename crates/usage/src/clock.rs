use std::{fmt, sync::Arc};

use crate::Timestamp;

/// What time it is. The machine's clock may be set at any moment, forward and back; nothing here needs it to be steady.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>);

impl Clock {
    /// The machine's.
    pub const SYSTEM: Clock = Clock(None);

    /// Whatever this function says.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Clock(Some(Arc::new(now)))
    }

    /// What it says.
    pub fn now(&self) -> Timestamp {
        self.0.as_ref().map_or_else(Timestamp::now, |now| now())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Clock::from_fn(..)"
        } else {
            "Clock::SYSTEM"
        })
    }
}
