//! The file system.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::{Disk, DiskFile, Held, SharedDisk, SharedFile};
use crate::{LockError, LockFile, files};

/// The file system.
#[derive(Debug, Clone, Copy)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = files::open_private(OpenOptions::new().write(true).create_new(true), path)?;
        Ok(Box::new(RealFile::new(file)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(BufReader::with_capacity(1 << 18, File::open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        files::replace(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        files::sync_directory(path)
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
        drop(self.sync_file(path));
    }
}

impl SharedDisk for RealDisk {
    fn try_lock(&self, path: &Path) -> Result<Held, LockError> {
        Ok(Box::new(LockFile::try_take_with_directory(path)?))
    }

    fn open_alone(&self, path: &Path) -> io::Result<Box<dyn SharedFile>> {
        loop {
            let file = files::open_private(OpenOptions::new().append(true).create(true), path)?;
            file.lock()?;
            let file = RealFile::new(file)?;
            // Another process may have given it another name while this one waited.
            if file.is_at(path)? {
                return Ok(Box::new(file));
            }
        }
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            metadata => metadata.map(|metadata| metadata.is_file().then_some(metadata.len())),
        }
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_data()
    }
}

/// A file that is written, and what tells it from every other one as long as it is open.
#[derive(Debug)]
struct RealFile {
    file: File,
    inode: (u64, u64),
}

impl RealFile {
    fn new(file: File) -> io::Result<Self> {
        let inode = inode(&file.metadata()?);
        Ok(RealFile { file, inode })
    }
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

impl SharedFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.file.unlock()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn one_at_a_time_appends_to_a_shared_file_and_finds_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut file = RealDisk.open_alone(&path).unwrap();
        assert_eq!(file.length().unwrap(), 0);
        file.append(b"one").unwrap();
        // It waits for the first, which gives the file another name meanwhile.
        let (there, moved) = (path.clone(), directory.path().join("moved"));
        let second = std::thread::spawn(move || {
            let mut file = RealDisk.open_alone(&there).unwrap();
            file.append(b"two, torn").unwrap();
            file.cut(3).unwrap();
            file.append(b"!").unwrap();
            file.length().unwrap()
        });
        RealDisk.rename(&path, &moved).unwrap();
        drop(file);
        assert_eq!(second.join().unwrap(), 4);
        assert_eq!(fs::read(&moved).unwrap(), b"one");
        assert_eq!(fs::read(&path).unwrap(), b"two!");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(RealDisk.length(&path).unwrap(), Some(4));
        assert_eq!(RealDisk.length(directory.path()).unwrap(), None);
        assert_eq!(RealDisk.length(&directory.path().join("none")).unwrap(), None);
    }

    #[test]
    fn a_file_is_known_wherever_it_is_moved() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("a"), directory.path().join("b"));
        let mut file = RealDisk.create(&path).unwrap();
        RealDisk.create(&path).unwrap_err();
        let mut reader = RealDisk.open(&path).unwrap();
        file.append(b"later").unwrap();
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, "later");
        assert!(file.is_at(&path).unwrap());
        RealDisk.rename(&path, &moved).unwrap();
        assert!(!file.is_at(&path).unwrap() && file.is_at(&moved).unwrap());
        assert!(!file.is_at(&moved.join("below")).unwrap());
        RealDisk.remove(&moved).unwrap();
        RealDisk.remove(&moved).unwrap();
        assert!(!RealDisk.is_there(&moved).unwrap());
    }
}
