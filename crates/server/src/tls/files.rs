//! Files that are either wholly there or not at all, and keys nobody else can read.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use nexus_segments::files;

use super::TlsError;

/// Who may read a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Readers {
    /// The hub alone. The file is created so, never changed to it afterwards.
    Owner,
    /// Whoever may enter the directory.
    All,
}

/// Tells one state of a file from another without reading it. Absence is a state as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp([Option<(u64, u64, i64, i64)>; 2]);

impl Stamp {
    /// The present state of two files.
    pub(super) fn of(files: [&Path; 2]) -> Self {
        Self(files.map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.ino(), file.len(), file.ctime(), file.ctime_nsec()))
        }))
    }
}

/// Makes the directory, for the hub alone, unless it exists.
pub(super) fn create_directory(path: &Path) -> Result<(), TlsError> {
    files::create_directory(path).map_err(TlsError::file("create the directory", path))
}

/// The whole file, or `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, TlsError> {
    match fs::read(path) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TlsError::file("read", path)(error)),
    }
}

/// Whether the file exists; not being allowed to know is an error.
pub(super) fn exists(path: &Path) -> Result<bool, TlsError> {
    path.try_exists().map_err(TlsError::file("look for", path))
}

/// Replaces the file. On return the new contents survive a power cut; until then the old do.
pub(super) fn write(path: &Path, contents: &str, readers: Readers) -> Result<(), TlsError> {
    let mode = match readers {
        Readers::Owner => files::OWNER_ONLY,
        Readers::All => 0o644,
    };
    files::write_durably(path, mode, contents.as_bytes()).map_err(TlsError::file("write", path))
}
