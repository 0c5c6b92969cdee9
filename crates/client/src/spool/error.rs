//! Why a spool cannot do what it is asked.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a spool cannot do what it is asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "the spool {directory} is full: {waiting} bytes wait to be delivered, at most {max} are kept (--spool-bytes-max); \
         nothing was appended: deliver with `nexus flush --spool {directory}`", directory = .directory.display()
    )]
    Full { directory: PathBuf, waiting: u64, max: u64 },
    #[error("others may write to the spool {directory}: run `chmod go-w {directory}`, or give it another directory", directory = .0.display())]
    Writable(PathBuf),
}

impl SpoolError {
    /// What was tried with which file, for `map_err`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
        let path = path.to_owned();
        move |source| SpoolError::Io { action, path, source }
    }
}
