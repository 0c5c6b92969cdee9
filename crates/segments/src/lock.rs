//! One process at a time.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::files;

/// A lock, held until it is dropped; the operating system takes it back however the process ends. In its file stands the
/// number of the process that has it.
#[derive(Debug)]
pub struct LockFile {
    _file: File,
}

/// Why a lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file cannot be made, locked or written.
    #[error("{file}: {source}", file = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
    /// Somebody else has it.
    #[error("{file} is held by process {pid}", file = .file.display())]
    Held {
        /// The lock's file.
        file: PathBuf,
        /// The number of the process, as far as it can be read.
        pid: String,
    },
}

impl From<LockError> for io::Error {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Io(_, error) => error,
            held @ LockError::Held { .. } => io::Error::new(io::ErrorKind::ResourceBusy, held),
        }
    }
}

impl LockFile {
    /// Takes the lock at `path`, and writes this process' number into it for whoever comes second.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn try_take(path: &Path) -> Result<Self, LockError> {
        let io_error = |error| LockError::Io(path.to_owned(), error);
        let file = open(path).map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => Ok(Self::taken(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::Held {
                file: path.to_owned(),
                pid: number_in(file),
            }),
            Err(TryLockError::Error(error)) => Err(io_error(error)),
        }
    }

    /// The same, but waits for whoever has it. Blocks the thread.
    ///
    /// # Errors
    /// The file cannot be made, locked or written.
    pub fn take(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        file.lock()?;
        Ok(Self::taken(file))
    }

    fn taken(mut file: File) -> Self {
        // If the disk is full, nobody learns the number; the lock holds all the same.
        let written = file.set_len(0).and_then(|()| file.rewind());
        let _ = written.and_then(|()| writeln!(file, "{}", std::process::id()));
        LockFile { _file: file }
    }

    /// The number of the process that holds the lock at `path`, if one does. Takes it for a moment, and leaves no trace.
    ///
    /// # Errors
    /// The file cannot be opened or locked.
    pub fn holder(path: &Path) -> io::Result<Option<String>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(number_in(file))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    files::open_private(OpenOptions::new().read(true).write(true).create(true), path)
}

fn number_in(file: File) -> String {
    let mut pid = String::new();
    // What cannot be read is not known: the sentence is true without it.
    let _ = file.take(20).read_to_string(&mut pid);
    pid.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_first_and_may_come_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = LockFile::try_take(&path).unwrap();
        let error = LockFile::try_take(&path).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with(&format!("lock is held by process {}", std::process::id()))
        );
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(LockFile::holder(&path).unwrap(), Some(std::process::id().to_string()));
        drop(first);
        assert_eq!(LockFile::holder(&path).unwrap(), None);
        LockFile::take(&path).unwrap();
        LockFile::try_take(&path).unwrap();
    }

    #[test]
    fn who_waits_comes_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = LockFile::take(&path).unwrap();
        let waits = path.clone();
        let second = std::thread::spawn(move || LockFile::take(&waits).map(drop));
        drop(first);
        second.join().unwrap().unwrap();
        let missing = directory.path().join("no/lock");
        assert!(matches!(LockFile::try_take(&missing), Err(LockError::Io(path, _)) if path == missing));
    }
}
