//! The usage log as its users see it. One binary, for link time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    unreachable_pub,
    reason = "all of this is tests, helpers included"
)]

mod harness;

mod crash;
mod events;
mod late;
mod log;
mod outage;
mod policies;
mod report;
mod retention;
