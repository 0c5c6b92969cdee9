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
    /// The directory, if that is locked, too.
    _directory: Option<File>,
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

    /// The same, and locks the directory that the file is in, so that the lock holds though somebody removes the file. Nobody
    /// may lock another file of that directory so.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn try_take_with_directory(path: &Path) -> Result<Self, LockError> {
        let io_error = |error| LockError::Io(path.to_owned(), error);
        let directory = File::open(files::directory_of(path)).map_err(io_error)?;
        let directory = match directory.try_lock() {
            Ok(()) => Some(directory),
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    file: path.to_owned(),
                    pid: number_at(path),
                });
            }
            // Some file systems, as NFS, lock no directories: then the file alone must do.
            Err(TryLockError::Error(_)) => None,
        };
        let lock = LockFile::try_take(path)?;
        Ok(LockFile {
            _directory: directory,
            ..lock
        })
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
        LockFile {
            _file: file,
            _directory: None,
        }
    }

    /// The number of the process that holds the lock at `path`, be it of the file or of its directory, if one does. Takes it for a moment, and leaves no trace.
    ///
    /// # Errors
    /// The file cannot be opened or locked.
    pub fn holder(path: &Path) -> io::Result<Option<String>> {
        let is_held = |path: &Path| match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(error),
            },
        };
        // Where directories cannot be locked, nobody holds one.
        let held = is_held(path)? || is_held(files::directory_of(path)).unwrap_or(false);
        Ok(held.then(|| number_at(path)))
    }
}

/// What stands in the file; if that was removed, nobody knows.
fn number_at(path: &Path) -> String {
    File::open(path).map_or_else(|_| "unknown".to_owned(), number_in)
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
    fn a_lock_with_its_directory_holds_though_its_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = LockFile::try_take_with_directory(&path).unwrap();
        assert!(matches!(
            LockFile::try_take_with_directory(&path),
            Err(LockError::Held { pid, .. }) if pid == std::process::id().to_string()
        ));
        std::fs::remove_file(&path).unwrap();
        for _ in 0..2 {
            assert!(matches!(
                LockFile::try_take_with_directory(&path),
                Err(LockError::Held { pid, .. }) if pid == "unknown"
            ));
            assert_eq!(LockFile::holder(&path).unwrap(), Some("unknown".to_owned()));
        }
        // Other files of that directory can be locked meanwhile.
        LockFile::try_take(&directory.path().join("other")).unwrap();
        drop(first);
        assert_eq!(LockFile::holder(&path).unwrap(), None);
        LockFile::try_take_with_directory(&path).unwrap();
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
