//! The hub from outside: the program as it is shipped, its files, and every byte of its answers. One file per area of
//! behaviour, one row per case; one binary, for link time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "all of this is tests, helpers included"
)]

mod auth;
mod batch;
mod errors;
mod full_disk;
mod harness;
mod idempotency;
mod months;
mod names;
mod scrape;
mod series;
mod serving;
mod settings;
mod simple;
mod state;
mod state_commands;
mod throttle;
mod upgrade;
mod usage;
mod usage_events;
mod usage_log;
mod values;
