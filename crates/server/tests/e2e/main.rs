//! The program `metric-nexus` among the programs that it is made for: it is started as a user starts it, asked by curl,
//! scraped by Prometheus, verified by OpenSSL, and killed. What the README says is done to the letter here.
//!
//! One binary, because each costs a link. A test begins by asking [`programs::require`] for what it needs.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod crash;
mod fleet;
mod hub;
mod nginx;
mod programs;
mod prometheus;
mod promtool;
mod readme;
mod shared_usage;
mod tour;
mod usage_events;
#[cfg(feature = "postgres")]
mod usage_log_postgres;
mod verify;
