//! The sink in BigQuery, before a service that behaves as BigQuery's documentation says. One binary, for link time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "all of this is tests, helpers included"
)]

mod contract;
mod service;
