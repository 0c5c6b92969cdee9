//! One hub per state directory.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::files;

/// Held as long as the hub runs; the operating system takes it back however the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why the state directory cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("{file}: {source}", file = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
    #[error("another hub (process {pid}) runs on {directory}: stop it, or give this one another --state", directory = .directory.display())]
    Taken { directory: PathBuf, pid: String },
}

impl Lock {
    /// Takes the lock at `path`, and writes this process' number into it for whoever comes second.
    pub(crate) fn take(path: &Path) -> Result<Self, LockError> {
        let io_error = |error| LockError::Io(path.to_owned(), error);
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        let mut file = options.map_err(io_error)?;
        // Root may come first, for `state accept`; the hub that comes after it is somebody else.
        files::give_to_owner(&file, files::directory_of(path)).map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let directory = path.parent().unwrap_or(path).to_owned();
                let pid = number_in(file);
                return Err(LockError::Taken { directory, pid });
            }
            Err(TryLockError::Error(error)) => return Err(io_error(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io_error)?;
        writeln!(file, "{}", std::process::id()).map_err(io_error)?;
        Ok(Lock { _file: file })
    }

    /// The number of the process that holds the lock at `path`, if one does. Takes it for a moment, and leaves no trace.
    pub(crate) fn holder(path: &Path) -> io::Result<Option<String>> {
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
        let first = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        assert_eq!(Lock::holder(&path).unwrap(), Some(std::process::id().to_string()));
        drop(first);
        assert_eq!(Lock::holder(&path).unwrap(), None);
        Lock::take(&path).unwrap();
    }
}
