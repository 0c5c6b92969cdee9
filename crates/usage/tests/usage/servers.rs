//! Real servers, started by the tests on loopback and ended with them, and proxies that fail as networks do.

pub(crate) mod certificates;
pub(crate) mod leash;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod programs;
pub(crate) mod proxy;
pub(crate) mod redis;

use std::time::Duration;

/// How long anything may take that will come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer; blocks the thread.
pub(crate) fn poll_until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(not_yet) => assert!(
                tokio::time::Instant::now() < deadline,
                "waited in vain until {what}: {not_yet}"
            ),
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
