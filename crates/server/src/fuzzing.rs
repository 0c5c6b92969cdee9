//! What the fuzz targets call, and nobody else: one function per reader of bytes that others wrote.
//!
//! Each takes any bytes, says whether they could be read, and panics if what was read breaks a promise. The normal tests
//! replay the seeds of every target, in `fuzz/corpus`, through the same functions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a broken promise must stop the fuzzer"
)]

mod batch;
#[cfg(test)]
mod corpus;
mod headers;
mod journal;
mod path;
#[cfg(test)]
mod seeds;
mod selector;
mod state;

pub use batch::batch;
pub use headers::headers;
pub use journal::journal;
pub use path::path;
pub use selector::selector;
pub use state::{state, state_yaml};
