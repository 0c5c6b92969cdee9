//! `metric-nexus state accept`.

use std::{fs::File, io::Write};

use nexus_segments::{LockError, LockFile, files};

use super::{Found, put};
use crate::{run::Failure, store};

/// Gives an edited snapshot its checksum, if nothing is wrong with it.
pub(super) fn run(found: &Found, output: &mut dyn Write) -> Result<(), Failure> {
    let (snapshot, directory) = (&found.settings.snapshot, &found.config.state.directory);
    found.must_not_run()?;
    if !snapshot.exists() {
        return Err(found.nothing_there());
    }
    files::create_directory(directory).map_err(|error| Failure::of(&error))?;
    let _lock = LockFile::try_take_with_directory(&found.config.state.lock_file()).map_err(|error| match error {
        LockError::Held { pid, .. } => found.runs(&pid),
        LockError::Io(..) => Failure::of(&error),
    })?;
    let owner = files::directory_of(snapshot);
    let accepted = match store::accept(&found.settings, |path| files::give_to_owner(&File::open(path)?, owner)) {
        Err(store::AcceptError::Sound(file)) => {
            return put(
                output,
                &format!("{}: sound as it is, nothing to accept", file.display()),
            );
        }
        accepted => accepted.map_err(|error| Failure::of(&error))?,
    };
    put(
        output,
        &format!(
            "{}: accepted, {} metrics, {} series; stands for change {}",
            snapshot.display(),
            accepted.families,
            accepted.series,
            accepted.position
        ),
    )?;
    put(output, &format!("{}: the file as it was", accepted.kept.display()))?;
    if accepted.pending_count == 0 {
        return put(
            output,
            "the journal holds nothing newer: the hub starts with exactly this",
        );
    }
    put(
        output,
        &format!(
            "the journal holds newer changes, {} of which a start applies on top of the file; to keep a value as you typed it, \
             leave `sequence` out of its line, and accept again:",
            accepted.pending_count
        ),
    )?;
    for line in &accepted.pending {
        put(output, &format!("  {line}"))?;
    }
    match accepted.pending_count.saturating_sub(accepted.pending.len() as u64) {
        0 => Ok(()),
        more => put(output, &format!("  and {more} more")),
    }
}
