//! Wall time, as it is stored: milliseconds since 1970. It may be set at any moment, forward and back.

use std::{
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The clocks that the store goes by.
#[derive(Debug, Clone, Default)]
pub(crate) enum Clock {
    /// Those of the machine.
    #[default]
    System,
    /// What a test says.
    #[cfg(test)]
    Set(std::sync::Arc<std::sync::Mutex<Reading>>),
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Milliseconds since 1970, as far as the machine knows.
    pub(crate) wall_ms: u64,
    /// Milliseconds since some moment; only ever rises, by as much as time has passed.
    pub(crate) steady_ms: u64,
}

impl Clock {
    pub(crate) fn read(&self) -> Reading {
        match self {
            Clock::System => Reading {
                wall_ms: now_ms(),
                steady_ms: steady_ms(),
            },
            #[cfg(test)]
            Clock::Set(reading) => *reading.lock().unwrap(),
        }
    }
}

fn steady_ms() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX)
}
