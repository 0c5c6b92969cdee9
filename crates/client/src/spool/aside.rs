//! What cannot be delivered: kept for people, in as much room as the spool itself, and out of the way.

use serde_json::Value;

use super::{
    Key, Limits, SpoolError,
    files::{BATCHES, Files, REFUSED, UNCERTAIN},
    key::BatchName,
};

/// A line for an item that the hub will not have.
pub(super) fn refused(item: &str, reason: &str) -> String {
    format!("{{\"reason\":{},\"item\":{item}}}\n", Value::from(reason))
}

/// A line for a record that cannot be read.
pub(super) fn damaged(record: &str) -> String {
    let reason = "an append that was cut short, or damage";
    format!("{{\"reason\":\"{reason}\",\"record\":{}}}\n", Value::from(record))
}

/// Keeps lines of the file with this key, with the reasons.
pub(super) fn refuse(files: &Files, limits: &Limits, key: &Key, lines: &[String]) -> Result<(), SpoolError> {
    let text = lines.concat();
    make_room(files, limits, text.len() as u64)?;
    files.write(&files.path(REFUSED, &format!("{key}.ndjson")), text.as_bytes())?;
    files.sync_directory(REFUSED)
}

/// Moves a batch away of which nobody knows whether it was counted.
pub(super) fn set_aside(files: &Files, limits: &Limits, batch: &BatchName, bytes: u64) -> Result<(), SpoolError> {
    make_room(files, limits, bytes)?;
    let name = batch.to_string();
    let to = files.path(UNCERTAIN, &format!("{name}.ndjson"));
    files.rename(&files.path(BATCHES, &name), &to)?;
    files.sync_directory(UNCERTAIN)?;
    files.sync_directory(BATCHES)
}

/// Removes the oldest until there is room.
fn make_room(files: &Files, limits: &Limits, bytes: u64) -> Result<(), SpoolError> {
    let mut kept = Vec::new();
    for part in [REFUSED, UNCERTAIN] {
        kept.extend(files.list(part)?.into_iter().map(|(name, length)| (name, length, part)));
    }
    kept.sort_unstable();
    let mut total: u64 = bytes + kept.iter().map(|(_, length, _)| length).sum::<u64>();
    for (name, length, part) in kept {
        if total <= limits.bytes_max {
            break;
        }
        files.remove(&files.path(part, &name))?;
        total -= length;
    }
    Ok(())
}
