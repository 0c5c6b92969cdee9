//! Disks that fail, for the tests of whoever keeps something on one.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a double that is used wrongly must stop the test"
)]

mod crash;
mod memory;

pub use crash::{Choices, CrashDisk, Fault, Operations};
pub use memory::MemoryDisk;
