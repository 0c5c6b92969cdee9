//! A disk in memory that can be made to fail.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Disk, DiskFile};

/// Files in memory. Cheap to clone; all clones are one disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    shared: Arc<Mutex<Files>>,
}

#[derive(Debug)]
struct Files {
    bytes: BTreeMap<PathBuf, Vec<u8>>,
    /// How many bytes can still be written before the disk is full.
    room: usize,
    syncs_fail: bool,
}

impl Default for Files {
    fn default() -> Self {
        Files {
            bytes: BTreeMap::new(),
            room: usize::MAX,
            syncs_fail: false,
        }
    }
}

impl MemoryDisk {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves room for so many bytes more.
    pub fn set_room(&self, room: usize) {
        self.files().room = room;
    }

    /// Whether syncs of files fail from now on.
    pub fn set_syncs_fail(&self, fail: bool) {
        self.files().syncs_fail = fail;
    }

    /// What a file holds; none if there is none.
    #[must_use]
    pub fn get(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.files().bytes.get(path.as_ref()).cloned()
    }

    /// Makes a file that holds these bytes, whatever was there.
    pub fn put(&self, path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) {
        self.files().bytes.insert(path.as_ref().to_owned(), bytes.into());
    }

    /// The disk as it is at this moment, as a crash of the process would leave it.
    #[must_use]
    pub fn copy(&self) -> MemoryDisk {
        let copy = MemoryDisk::default();
        copy.files().bytes = self.files().bytes.clone();
        copy
    }

    /// All files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files().bytes.keys().cloned().collect()
    }
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl Disk for MemoryDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut files = self.files();
        if files.bytes.contains_key(path) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        files.bytes.insert(path.to_owned(), Vec::new());
        Ok(Box::new(MemoryFile {
            disk: self.clone(),
            path: path.to_owned(),
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let bytes = self.get(path).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Box::new(Cursor::new(bytes)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files();
        let bytes = files
            .bytes
            .remove(from)
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        files.bytes.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files().bytes.remove(path);
        Ok(())
    }

    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let inside = |file: &PathBuf| {
            (file.parent() == Some(path))
                .then(|| file.file_name().map(Into::into))
                .flatten()
        };
        Ok(self.files().bytes.keys().filter_map(inside).collect())
    }

    fn create_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn is_there(&self, path: &Path) -> io::Result<bool> {
        Ok(self.get(path).is_some())
    }

    fn write_back(&self, _path: &Path) {}
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    path: PathBuf,
}

impl DiskFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.disk.files();
        let fits = bytes.len().min(files.room);
        files.room -= fits;
        files
            .bytes
            .entry(self.path.clone())
            .or_default()
            .extend(bytes.iter().take(fits));
        if fits < bytes.len() { Err(full()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.disk.files().syncs_fail {
            Err(io::Error::other("the sync failed"))
        } else {
            Ok(())
        }
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_there(path)
    }
}
