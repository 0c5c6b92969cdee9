#![doc = include_str!("../README.md")]

mod accept;
mod accounts;
#[cfg(test)]
mod arrows;
mod auth;
mod background;
mod bandwidth;
#[cfg(feature = "benching")]
#[doc(hidden)]
pub mod benching;
mod cli;
mod clients;
mod clock;
mod config;
mod content_coding;
mod damage;
mod exposition;
mod feature;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod hub;
mod intake;
mod journal;
mod json;
mod memory;
mod metering;
mod own_metrics;
mod protocol;
mod reload;
pub mod run;
mod selector;
mod serve;
mod settings;
mod shutdown;
mod snapshot;
mod state;
mod store;
mod tls;
mod usage_log;
mod write;

pub use config::Durability;
pub use hub::{CallError, Hub, HubBuilder, StartError};
pub use snapshot::{State, StateError, StateHistogram, StateMetric};
