//! What an interrupted delivery left behind.

use std::collections::HashSet;

use super::{
    SpoolError,
    files::{BATCHES, Files, REFUSED, SEALING},
    key::{BatchName, Key},
};

/// Removes what was made out of files that are still there: it will be made again. None of it was ever sent, because a
/// batch is sent only when what it was made from is gone.
pub(super) fn recover(files: &Files) -> Result<(), SpoolError> {
    files.remove_temporary()?;
    // What is gone must stay gone once something made out of it was sent. Whoever removed it may have died before this.
    files.sync_directory("")?;
    let mut there: HashSet<String> = HashSet::new();
    for (name, _) in files.list("")? {
        there.extend(name.strip_suffix(SEALING).map(str::to_owned));
    }
    let batches = batches(files)?;
    there.extend(batches.iter().map(|batch| batch.key.as_str().to_owned()));
    for batch in &batches {
        if batch.key.sources().any(|source| there.contains(source)) {
            files.remove(&files.path(BATCHES, &batch.to_string()))?;
        }
    }
    for (name, _) in files.list(REFUSED)? {
        let Some(key) = name.strip_suffix(".ndjson").and_then(Key::parse) else {
            continue;
        };
        if there.contains(key.as_str()) || key.sources().any(|source| there.contains(source)) {
            files.remove(&files.path(REFUSED, &name))?;
        }
    }
    files.sync_directory(BATCHES)?;
    files.sync_directory(REFUSED)
}

/// All batches, in the order in which they are to be delivered.
pub(super) fn batches(files: &Files) -> Result<Vec<BatchName>, SpoolError> {
    let names = files.list(BATCHES)?;
    let mut batches: Vec<BatchName> = names.iter().filter_map(|(name, _)| BatchName::parse(name)).collect();
    batches.sort_unstable();
    Ok(batches)
}
