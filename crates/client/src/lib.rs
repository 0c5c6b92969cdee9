#![doc = include_str!("../README.md")]

mod batch;
mod client;
pub mod counts;
mod list;
mod metric;
mod number;
#[cfg(feature = "metrics")]
mod recorder;
mod written;

mod backoff;
mod exchange;
mod idempotency_key;
mod request;

mod builder;
mod trust;

mod error;
mod problem;

#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod spool;

pub use batch::{Batch, EncodedBatch, Item};
pub use builder::Builder;
pub use client::Client;
pub use counts::Counts;
pub use error::Error;
pub use idempotency_key::{IdempotencyKey, InvalidIdempotencyKey};
pub use list::{Bucket, Families, Family, Histogram, List, Series};
pub use metric::Metric;
pub use nexus_metric::Kind;
pub use number::Number;
pub use problem::{Problem, RefusedItem};
#[cfg(feature = "metrics")]
pub use recorder::Recorder;
pub use written::Written;
