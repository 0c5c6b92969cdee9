//! The state at one position of the journal, as a YAML file that people and programs can read.
//!
//! Each family, series and client stands on one line, as a YAML flow mapping that is JSON too: any YAML tool reads the
//! file, and the hub reads a million lines at the speed of JSON. `state/README.md` has the format.

mod content;
mod edited;
mod error;
mod items;
mod json;
mod lines;
mod read;
mod state_file;
mod write;

pub(crate) use edited::{Edited, Mistake};
pub(crate) use error::LoadError;
pub(crate) use read::{Loaded, load, salvage};
pub use state_file::{State, StateError, StateHistogram, StateMetric};
pub(crate) use write::{StandsFor, begin};

/// Begins the first line of a snapshot, before the format; files that begin otherwise were written by metric-nexus or by hand.
const FIRST_LINE: &str = "# Metric Nexus state, format ";
/// What follows the format there.
const FIRST_LINE_END: &str = ". Stop the hub before you edit this file; run `metric-nexus state accept` afterwards.";
/// Begins the last line, the checksum of all lines before it.
const CHECKSUM: &str = "# crc32 ";
/// The version of the format. 1 knew no groups, expiries and refusals, and is read as it is.
const FORMAT: u64 = 2;
/// The oldest that is read.
const FORMAT_MIN: u64 = 1;

/// Why a format is not read.
fn newer(format: u64) -> String {
    format!("the format is {format}, this version reads formats {FORMAT_MIN} to {FORMAT}: use a newer metric-nexus")
}
