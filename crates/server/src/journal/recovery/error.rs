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
    #[error("{file} ends after change {last}, and the snapshot shows that change {newest} was durable: the journal was cut short", file = .file.display())]
    Ends { file: PathBuf, last: u64, newest: u64 },
}

impl JournalError {
    pub(crate) fn damage(&self) -> Damage {
        let (file, place, bytes, changes) = match self {
            JournalError::Io(file, _) => (file, Place::File, 0, None),
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
