//! The crate from outside. One file per area of behaviour; one binary, so that it is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "all of this is tests, helpers included"
)]

mod admission;
mod contract;
mod defects;
mod harness;
mod kill;
mod lease;
mod loss;
mod model;
mod periods;
mod servers;
mod shared;
