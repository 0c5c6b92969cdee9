//! Open files, and locks.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{CrashDisk, Event, Inode, Operations, fault::full};
use crate::{DiskFile, SharedFile};

#[derive(Debug)]
pub(super) struct CrashFile {
    disk: CrashDisk,
    path: PathBuf,
    inode: Inode,
    lock: Option<Lock>,
}

impl CrashFile {
    pub(super) fn new(disk: &CrashDisk, path: &Path, inode: Inode) -> Self {
        CrashFile {
            disk: disk.clone(),
            path: path.to_owned(),
            inode,
            lock: None,
        }
    }

    pub(super) fn locked_by(self, lock: Lock) -> Self {
        CrashFile {
            lock: Some(lock),
            ..self
        }
    }
}

impl DiskFile for CrashFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let fault = self.disk.before(&self.path, Operations::Appends);
        let part = fault.map_or(bytes.len(), |fault| fault.part.min(bytes.len()));
        let mut shared = self.disk.lock();
        let tape = &mut shared.tapes[self.inode];
        let from = tape.len();
        tape.extend_from_slice(&bytes[..part]);
        shared.happen(Event::Appended {
            inode: self.inode,
            bytes: from..from + part,
        });
        fault.map_or(Ok(()), |_| Err(full()))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync_inode(&self.path, self.inode)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.lock().live.names.get(path) == Some(&self.inode))
    }
}

impl SharedFile for CrashFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.lock().live.files[self.inode].length() as u64)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let (inode, length) = (self.inode, usize::try_from(length).unwrap());
        self.disk.change(&self.path, |_| Ok(Event::Cut { inode, length }))
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.lock = None;
        Ok(())
    }
}

/// Sees what is appended while it reads.
#[derive(Debug)]
pub(super) struct CrashReader {
    disk: CrashDisk,
    inode: Inode,
    at: usize,
}

impl CrashReader {
    pub(super) fn new(disk: &CrashDisk, inode: Inode) -> Self {
        CrashReader {
            disk: disk.clone(),
            inode,
            at: 0,
        }
    }
}

impl Read for CrashReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let shared = self.disk.lock();
        let read = shared.live.files[self.inode].read_at(&shared.tapes[self.inode], self.at, to);
        self.at += read;
        Ok(read)
    }
}

/// A lock on a file, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    disk: CrashDisk,
    inode: Inode,
}

impl Lock {
    pub(super) fn take(disk: &CrashDisk, inode: Inode) -> Option<Self> {
        disk.lock().locked.insert(inode).then(|| Lock {
            disk: disk.clone(),
            inode,
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.disk.lock().locked.remove(&self.inode);
    }
}
