//! Events from elsewhere, on their way into a usage log. One binary, for link time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "all of this is tests, helpers included"
)]

mod harness;

mod syslog;
mod tail;
