//! The layer in a real server, asked by real clients. One binary, for link time.
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

mod alone;
mod served;
