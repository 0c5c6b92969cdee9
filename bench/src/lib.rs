#![doc = include_str!("../README.md")]
#![allow(clippy::disallowed_methods, reason = "real programs are measured by the real clock")]

pub mod bare;
pub mod client;
pub mod command;
pub mod load;
pub mod plot;
pub mod process;
pub mod run;
pub mod series;
pub mod servers;
pub mod table;
pub mod work;
pub mod wrk;
