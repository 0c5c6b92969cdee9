//! The disk as whoever uses it sees it.

use std::{
    ffi::OsString,
    io::{self, Read},
    path::Path,
};

use super::{
    CrashDisk, Event, Inode, Operations,
    fault::{failed, not_found},
    file::{CrashFile, CrashReader, Lock},
};
use crate::{Disk, DiskFile, Held, LockError, SharedDisk, SharedFile, files::directory_of};

impl CrashDisk {
    fn find(&self, path: &Path) -> Option<Inode> {
        self.lock().live.names.get(path).copied()
    }

    fn make(&self, path: &Path) -> io::Result<Inode> {
        let mut made = 0;
        self.change(path, |shared| {
            if shared.live.names.contains_key(path) {
                return Err(io::Error::from(io::ErrorKind::AlreadyExists));
            }
            made = shared.tapes.len();
            shared.tapes.push(Vec::new());
            Ok(Event::Created {
                path: path.to_owned(),
                inode: made,
            })
        })?;
        Ok(made)
    }

    fn find_or_make(&self, path: &Path) -> io::Result<Inode> {
        self.find(path).map_or_else(|| self.make(path), Ok)
    }

    pub(super) fn sync_inode(&self, path: &Path, inode: Inode) -> io::Result<()> {
        let fault = self.before(path, Operations::Syncs);
        let mut shared = self.lock();
        if shared.given_up.contains(&inode) {
            shared.synced_again += 1;
        }
        if fault.is_none() {
            shared.happen(Event::Synced { inode });
            return Ok(());
        }
        shared.given_up.insert(inode);
        shared.happen(Event::SyncFailed { inode });
        Err(failed())
    }
}

impl Disk for CrashDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(CrashFile::new(self, path, self.make(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let inode = self.find(path).ok_or_else(not_found)?;
        Ok(Box::new(CrashReader::new(self, inode)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(from, |shared| {
            let inode = *shared.live.names.get(from).ok_or_else(not_found)?;
            let (from, to) = (from.to_owned(), to.to_owned());
            Ok(Event::Renamed { from, to, inode })
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.find(path).is_none() {
            return Ok(());
        }
        self.change(path, |_| Ok(Event::Removed { path: path.to_owned() }))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        match self.before(path, Operations::Syncs) {
            Some(_) => Err(failed()),
            None => {
                self.lock().happen(Event::DirectorySynced { path: path.to_owned() });
                Ok(())
            }
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let shared = self.lock();
        let inside = shared.live.names.keys().filter(|name| directory_of(name) == path);
        Ok(inside.filter_map(|name| Some(name.file_name()?.to_owned())).collect())
    }

    fn create_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn is_there(&self, path: &Path) -> io::Result<bool> {
        Ok(self.find(path).is_some())
    }

    fn write_back(&self, _path: &Path) {}
}

impl SharedDisk for CrashDisk {
    fn try_lock(&self, path: &Path) -> Result<Held, LockError> {
        let inode = self
            .find_or_make(path)
            .map_err(|error| LockError::Io(path.to_owned(), error))?;
        match Lock::take(self, inode) {
            Some(lock) => Ok(Box::new(lock)),
            None => Err(LockError::Held {
                file: path.to_owned(),
                pid: std::process::id().to_string(),
            }),
        }
    }

    fn open_alone(&self, path: &Path) -> io::Result<Box<dyn SharedFile>> {
        let inode = self.find_or_make(path)?;
        // Tests of crashes have one thread: nobody would ever give it back.
        let lock = Lock::take(self, inode).ok_or(io::ErrorKind::Deadlock)?;
        Ok(Box::new(CrashFile::new(self, path, inode).locked_by(lock)))
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        let inode = self.find(path);
        Ok(inode.map(|inode| self.lock().live.files[inode].length() as u64))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.sync_inode(path, self.find(path).ok_or_else(not_found)?)
    }
}
