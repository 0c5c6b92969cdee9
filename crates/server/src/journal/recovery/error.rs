//! Why a journal cannot be used.

use std::{io, path::PathBuf};

use crate::{
    damage::{Damage, Place},
    journal::segment::HeaderError,
    write::CodecError,
};

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("cannot read {file}: {source}", file = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
    #[error("{file}: {error}", file = .0.display(), error = .1)]
    Header(PathBuf, #[source] HeaderError),
    #[error("{file} is damaged at offset {offset}: change {sequence} should stand there and was durable", file = .file.display())]
    Damaged {
        file: PathBuf,
        offset: u64,
        /// Up to the next sound frame, or to the end of the file.
        bytes: u64,
        sequence: u64,
    },
    /// A start leaves out a tail with all that follows it, since nobody knows that it was durable.
    #[error("{file} is damaged at offset {offset}, and {frames} sound frames stand behind that: a start leaves them out, `state repair` takes them", file = .file.display())]
    Behind {
        file: PathBuf,
        offset: u64,
        bytes: u64,
        frames: u64,
    },
    #[error("{file}, frame at offset {offset}: {error}", file = .file.display())]
    Record {
        file: PathBuf,
        offset: u64,
        bytes: u64,
        changes: (u64, u64),
        error: CodecError,
    },
    #[error("{file}, frame at offset {offset}: it holds changes {first} to {last}, and change {next} is the next one: the position was not between two frames", file = .file.display(), first = .changes.0, last = .changes.1)]
    Straddles {
        file: PathBuf,
        offset: u64,
        next: u64,
        changes: (u64, u64),
    },
    #[error("changes {from} to {to} are missing: {file} continues after {to}", file = .file.display())]
    Missing { file: PathBuf, from: u64, to: u64 },
    #[error("{file} is segment {number} by its header: it was renamed, copied or put in the place of another; give it its name back, or put the right one there", file = .file.display())]
    Misnamed { file: PathBuf, number: u64 },
    #[error("{file} does not continue the segment before it: one between them is missing, or it is of another hub, or of another time of this one", file = .0.display())]
    Unlinked(PathBuf),
    #[error("{file} does not belong to the snapshot beside it, and holds what is not in that: put back the state.yaml that belongs here; or, to begin with this one, empty the directory of the journal", file = .0.display())]
    Foreign(PathBuf),
    #[error("{file}: segment {number} was begun, and is missing or empty: put it back; or, to go back to what the snapshot holds, empty the directory of the journal", file = .file.display())]
    Gone { file: PathBuf, number: u64 },
    #[error("{file} is damaged: it says which segment was begun last; if none is missing, remove it", file = .0.display())]
    Newest(PathBuf),
    #[error("{file} ends after change {last}, and the snapshot shows that change {newest} was durable: the journal was cut short", file = .file.display())]
    Ends { file: PathBuf, last: u64, newest: u64 },
}

impl JournalError {
    pub(crate) fn damage(&self) -> Damage {
        let (file, place, bytes, changes) = match self {
            JournalError::Io(file, _)
            | JournalError::Misnamed { file, .. }
            | JournalError::Unlinked(file)
            | JournalError::Foreign(file)
            | JournalError::Gone { file, .. }
            | JournalError::Newest(file) => (file, Place::File, 0, None),
            JournalError::Header(file, _) => (file, Place::Offset(0), 0, None),
            JournalError::Damaged {
                file, offset, bytes, ..
            }
            | JournalError::Behind {
                file, offset, bytes, ..
            } => (file, Place::Offset(*offset), *bytes, None),
            JournalError::Record {
                file,
                offset,
                bytes,
                changes,
                ..
            } => (file, Place::Offset(*offset), *bytes, Some(*changes)),
            JournalError::Straddles { file, offset, .. } => (file, Place::Offset(*offset), 0, None),
            JournalError::Missing { file, from, to } => (file, Place::File, 0, Some((*from, *to))),
            JournalError::Ends { file, last, newest } => (file, Place::File, 0, Some((last + 1, *newest))),
        };
        Damage {
            file: file.clone(),
            place,
            bytes,
            changes,
            text: self.to_string(),
        }
    }
}
