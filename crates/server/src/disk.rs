//! The few things that journal and snapshot ask of a disk, so that tests can take its place and fail.

#[cfg(test)]
pub(crate) mod crash;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(
    not(test),
    allow(dead_code, reason = "for tests and fuzzing; only tests use all of it")
)]
pub(crate) mod memory;

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use crate::files;

/// Where the state is kept.
pub(crate) trait Disk: Send + Sync + fmt::Debug {
    /// Makes a file that only its owner may read; fails if there is one of that name.
    /// The name is durable once [`Disk::sync_directory`] returns.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading from its start.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>>;
    /// Puts a file in the place of another, at once or not at all.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; one that is not there is no error.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;
    /// Makes a directory and its missing parents, durably; one that is there is no error.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// Whether there is a file of that name.
    fn is_there(&self, path: &Path) -> io::Result<bool>;
    /// Has what was appended to a file reach the disk early, so that the next [`DiskFile::sync`] of it, by whoever writes it,
    /// takes little time. Promises nothing: whatever goes wrong, that sync fails, too.
    fn write_back(&self, path: &Path);
}

/// A file that is being written.
pub(crate) trait DiskFile: Send + fmt::Debug {
    /// Appends all of the bytes, or fails, after which nobody knows how many were written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all that was appended durable. After a failure nothing may be concluded from a later success.
    fn sync(&mut self) -> io::Result<()>;
    /// Whether `path` still leads to this file: it may have been removed or moved away.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// The file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let inode = inode(&file.metadata()?);
        Ok(Box::new(RealFile { file, inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(BufReader::with_capacity(1 << 18, File::open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        files::create_directory(path)
    }

    fn is_there(&self, path: &Path) -> io::Result<bool> {
        fs::exists(path)
    }

    fn write_back(&self, path: &Path) {
        // By a descriptor of its own: Linux tells each of them of an error once, so the writer's is told of this one as well.
        drop(File::open(path).and_then(|file| file.sync_data()));
    }
}

/// A file that is written, and what tells it from every other one as long as it is open.
#[derive(Debug)]
struct RealFile {
    file: File,
    inode: (u64, u64),
}

fn inode(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl DiskFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.file, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(there) => Ok(inode(&there) == self.inode),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
