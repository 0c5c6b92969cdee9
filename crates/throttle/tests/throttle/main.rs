//! What the crate promises, in paused time where it is a matter of time.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "all of this is tests, helpers included"
)]

mod harness;

mod bytes;
mod exact;
mod fairness;
mod tree;
