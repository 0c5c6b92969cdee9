#![doc = include_str!("../README.md")]

mod client;
mod metric;
mod request;

mod builder;
mod trust;

mod error;
mod problem;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod spool;

pub use builder::Builder;
pub use client::Client;
pub use error::Error;
pub use metric::Metric;
pub use nexus_metric::Kind;
pub use problem::Problem;
