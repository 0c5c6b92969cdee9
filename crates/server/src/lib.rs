#![doc = include_str!("../README.md")]

mod auth;
#[cfg(feature = "benching")]
#[doc(hidden)]
pub mod benching;
mod cli;
mod clients;
mod clock;
mod config;
mod damage;
mod disk;
mod exposition;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod hub;
mod ingest;
mod journal;
mod json;
mod lock;
mod own_metrics;
mod reload;
pub mod run;
mod selector;
mod serve;
mod shutdown;
mod snapshot;
mod store;
mod tls;
mod write;

pub use config::Durability;
pub use hub::{CallError, Hub, HubBuilder, StartError};
pub use snapshot::{State, StateError, StateHistogram, StateMetric};
