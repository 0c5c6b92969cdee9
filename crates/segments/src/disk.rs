//! The few things that a journal, a snapshot or a spool asks of a disk, so that tests can take its place and fail.

mod real;

use std::{
    ffi::OsString,
    fmt,
    io::{self, Read},
    path::Path,
};

use crate::LockError;
pub use real::RealDisk;

/// Where files are kept that one process uses.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a file that only its owner may read; fails if there is one of that name.
    /// The name is durable once [`Disk::sync_directory`] returns.
    ///
    /// # Errors
    /// The disk's; the file may be there nevertheless.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading from its start. What is appended later is read, too.
    ///
    /// # Errors
    /// The disk's.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>>;
    /// Puts a file in the place of another, at once or not at all.
    ///
    /// # Errors
    /// The disk's; it may have happened nevertheless.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// The disk's; it may have happened nevertheless.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in a directory durable.
    ///
    /// # Errors
    /// The disk's.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory.
    ///
    /// # Errors
    /// The disk's.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;
    /// Makes a directory and its missing parents, durably; one that is there is no error.
    ///
    /// # Errors
    /// The disk's.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// Whether there is a file of that name.
    ///
    /// # Errors
    /// The disk's.
    fn is_there(&self, path: &Path) -> io::Result<bool>;
    /// Has what was appended to a file reach the disk early, so that the next [`DiskFile::sync`] of it, by whoever writes it,
    /// takes little time. Promises nothing: whatever goes wrong, that sync fails, too.
    fn write_back(&self, path: &Path);
}

/// A file that is being written.
pub trait DiskFile: Send + fmt::Debug {
    /// Appends all of the bytes, or fails, after which nobody knows how many were written.
    ///
    /// # Errors
    /// The disk's.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all that was appended durable. After a failure nothing may be concluded from a later success.
    ///
    /// # Errors
    /// The disk's.
    fn sync(&mut self) -> io::Result<()>;
    /// Whether `path` still leads to this file: it may have been removed or moved away.
    ///
    /// # Errors
    /// The disk's.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// A lock, as long as it is not dropped. The operating system takes it back however the process ends.
pub type Held = Box<dyn fmt::Debug + Send + Sync>;

/// A disk that several processes, or several threads, use at a time.
pub trait SharedDisk: Disk {
    /// Takes the lock that the file at `path` is for; it is made if it is missing.
    ///
    /// # Errors
    /// Somebody else has it, or the disk's.
    fn try_lock(&self, path: &Path) -> Result<Held, LockError>;
    /// Opens a file to append to, and makes it if it is missing. Waits until nobody else has it open so.
    ///
    /// # Errors
    /// The disk's.
    fn open_alone(&self, path: &Path) -> io::Result<Box<dyn SharedFile>>;
    /// How long a file is; none if there is no file of that name.
    ///
    /// # Errors
    /// The disk's.
    fn length(&self, path: &Path) -> io::Result<Option<u64>>;
    /// Makes what was appended to a file durable, by whomever, in this process or an earlier one. After a failure nothing may
    /// be concluded from a later success.
    ///
    /// # Errors
    /// The disk's.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
}

/// A file that several processes append to, one at a time: this one, until it says [`unlock`](SharedFile::unlock) or drops it.
pub trait SharedFile: DiskFile {
    /// How long it is.
    ///
    /// # Errors
    /// The disk's.
    fn length(&self) -> io::Result<u64>;
    /// Takes back what was appended behind the first `length` bytes.
    ///
    /// # Errors
    /// The disk's.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Lets others append, while this one goes on to sync.
    ///
    /// # Errors
    /// The operating system's; the lock is then given back when the file is dropped.
    fn unlock(&mut self) -> io::Result<()>;
}
