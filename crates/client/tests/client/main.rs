//! The client against a real hub: one binary, because each would link the whole hub.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "all of this is tests, helpers included"
)]

mod answers;
mod batch;
#[cfg(feature = "blocking")]
mod blocking;
mod counts;
mod faults;
mod harness;
mod list;
mod proxy;
#[cfg(feature = "metrics")]
mod recorder;
mod retries;
mod statuses;
mod trust;
mod verbs;
