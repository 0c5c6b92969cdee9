//! Why a snapshot cannot be used.

use std::{io, path::PathBuf};

use nexus_metric::Name;

use crate::damage::{Damage, Place};

/// Why a snapshot cannot be used. The file is left as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("cannot read {file}: {source}", file = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
    #[error("{file}, line {line}: {reason}; if you edited the file, `metric-nexus state accept` says what else is wrong", file = .file.display())]
    Line {
        file: PathBuf,
        line: u64,
        bytes: u64,
        reason: String,
    },
    #[error("{file}: its checksum is wrong: if you edited it, `metric-nexus state accept` takes it over; if not, it is damaged: put a copy in its place", file = .0.display())]
    Checksum(PathBuf),
    #[error("{file} has no checksum line at its end: it was cut short, or edited by hand (`metric-nexus state accept`)", file = .0.display())]
    Cut(PathBuf),
    #[error("{file} has no line `hub:` with a sequence: without it nobody knows which changes of the journal are in it", file = .0.display())]
    NoPosition(PathBuf),
    #[error("{file}: the line of the metric {name} is lost: its series are kept as untyped, and were perhaps of another kind", file = .0.display(), name = .1)]
    Implied(PathBuf, Name),
    #[error("{file} was rewritten by another program: `metric-nexus state accept` takes it over", file = .0.display())]
    Rewritten(PathBuf),
    #[error("{file}: {error}", file = .0.display(), error = .1)]
    Foreign(PathBuf, super::StateError),
}

impl LoadError {
    pub(crate) fn damage(&self) -> Damage {
        let (file, place, bytes) = match self {
            LoadError::Line { file, line, bytes, .. } => (file, Place::Line(*line), *bytes),
            LoadError::Io(file, _)
            | LoadError::Checksum(file)
            | LoadError::Cut(file)
            | LoadError::NoPosition(file)
            | LoadError::Implied(file, _)
            | LoadError::Rewritten(file)
            | LoadError::Foreign(file, _) => (file, Place::File, 0),
        };
        let text = match self {
            LoadError::Line { reason, line, .. } => format!("{}, line {line}: {reason}", file.display()),
            other => other.to_string(),
        };
        Damage {
            file: file.clone(),
            place,
            bytes,
            changes: None,
            text,
        }
    }
}
