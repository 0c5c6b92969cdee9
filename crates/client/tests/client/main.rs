//! The client against a real hub: one binary, because each would link the whole hub.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "all of this is tests, helpers included"
)]

mod answers;
mod batch;
#[cfg(feature = "blocking")]
mod blocking;
#[cfg(feature = "cli")]
mod cli;
mod counts;
mod faults;
mod full_disk;
mod harness;
mod list;
mod mortal;
mod proxy;
#[cfg(feature = "metrics")]
mod recorder;
mod retries;
mod statuses;
mod trust;
mod verbs;
