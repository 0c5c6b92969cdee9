//! x
#![allow(dead_code, unused_imports, reason = "not yet used")]

mod auth;
mod cli;
mod config;
mod files;
