//! Log lines that a stranger can cause must not fill the disk.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_secs(10);

/// Lets one line through every ten seconds, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct LogThrottle(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl LogThrottle {
    /// `Some` when it is time to speak, with the number of lines kept back since the last.
    pub(crate) fn now(&self) -> Option<u64> {
        let mut said = self.0.lock().ok()?;
        let now = Instant::now();
        if said.last.is_some_and(|last| now - last < INTERVAL) {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn speaks_every_ten_seconds_and_counts_the_rest() {
        let log_throttle = LogThrottle::default();
        let check = async |wait: u64, expected| {
            tokio::time::advance(Duration::from_secs(wait)).await;
            assert_eq!(log_throttle.now(), expected);
        };
        check(0, Some(0)).await;
        check(0, None).await;
        check(9, None).await;
        check(1, Some(2)).await;
        check(10, Some(0)).await;
    }
}
