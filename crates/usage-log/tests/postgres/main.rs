//! The sink in PostgreSQL, before a real server. One binary, for link time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "all of this is tests, helpers included"
)]

mod harness;

mod kept;
mod once;
mod outages;
