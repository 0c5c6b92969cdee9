//! For tests only: real servers, started on loopback and ended with the test, and proxies that fail as networks do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "all of this is tests, helpers included"
)]

mod certificates;
mod leash;
mod ports;
mod postgres;
mod programs;
mod proxy;

use std::time::Duration;

pub use certificates::Certificates;
pub use leash::{Leash, Signal};
pub use ports::free_port;
pub use postgres::{PostgresServer, postgres_url};
pub use programs::{find, require, run};
pub use proxy::{Proxy, Weather};

/// How long anything may take that will come.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer; blocks the thread.
///
/// # Panics
/// If none comes in time.
pub fn poll_until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
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
