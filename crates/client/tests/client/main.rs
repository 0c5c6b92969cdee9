//! The client against a real hub: one binary, because each would link the whole hub.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "all of this is tests, helpers included"
)]

mod batch;
#[cfg(feature = "blocking")]
mod blocking;
mod faults;
mod harness;
mod list;
mod trust;
mod verbs;
