//! The crate from outside. One binary, so that it is linked once.

mod contract;
mod servers;
mod shared;
