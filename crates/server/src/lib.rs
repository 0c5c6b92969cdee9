//! The hub.
#![allow(dead_code, missing_docs)]
mod clients;
mod clock;
mod config;
mod disk;
mod exposition;
mod ingest;
mod journal;
mod selector;
mod snapshot;
mod store;
mod write;
