use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use crate::disk::{Disk, DiskFile};

/// A few files in memory; nothing ever fails.
#[derive(Debug, Clone, Default)]
pub(super) struct Files(Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>);

impl Files {
    pub(super) fn put(&self, path: impl Into<PathBuf>, bytes: Vec<u8>) {
        self.0.lock().unwrap().insert(path.into(), bytes);
    }

    pub(super) fn get(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(path.as_ref()).cloned()
    }
}

impl Disk for Files {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.put(path, Vec::new());
        Ok(Box::new(Writing(self.clone(), path.to_owned())))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let bytes = self.get(path).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Box::new(Cursor::new(bytes)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let bytes = self.get(from).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.remove(from)?;
        self.put(to, bytes);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().unwrap().remove(path);
        Ok(())
    }

    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let files = self.0.lock().unwrap();
        let inside = files.keys().filter(|file| file.parent() == Some(path));
        Ok(inside.filter_map(|file| Some(file.file_name()?.to_owned())).collect())
    }
}

#[derive(Debug)]
struct Writing(Files, PathBuf);

impl DiskFile for Writing {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.0.lock().unwrap();
        files.entry(self.1.clone()).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
