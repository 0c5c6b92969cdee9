//! The spool's directory, and what happens to the files in it.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use nexus_segments::{Held, LockError, SharedDisk, SharedFile, files};

use super::SpoolError;

/// What an append survives once it has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Sync {
    /// A loss of power.
    #[default]
    Sync,
    /// The end of the process, however it comes; a loss of power may take the last seconds.
    Flush,
}

/// The spool's directory and what is in it.
#[derive(Debug)]
pub(super) struct Files {
    disk: Arc<dyn SharedDisk>,
    directory: PathBuf,
}

pub(super) const BATCHES: &str = "batches";
pub(super) const REFUSED: &str = "refused";
pub(super) const UNCERTAIN: &str = "uncertain";
pub(super) const SEALING: &str = ".sealing";
pub(super) const OPEN: &str = "open";
const TEMPORARY: &str = ".tmp";

impl Files {
    pub(super) fn open(disk: Arc<dyn SharedDisk>, directory: &Path) -> Result<Self, SpoolError> {
        for part in ["", BATCHES, REFUSED, UNCERTAIN] {
            let path = directory.join(part);
            let made = disk.create_directory(&path);
            made.map_err(SpoolError::io("make the directory", &path))?;
        }
        let directory = directory.to_owned();
        Ok(Files { disk, directory })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn path(&self, part: &str, name: &str) -> PathBuf {
        self.directory.join(part).join(name)
    }

    /// The log that is appended to, for nobody else until it is unlocked; it is made if it is missing.
    pub(super) fn open_log(&self) -> Result<Box<dyn SharedFile>, SpoolError> {
        let path = self.directory.join(OPEN);
        self.disk.open_alone(&path).map_err(SpoolError::io("lock", &path))
    }

    /// Appends to the log in one piece, or not at all.
    pub(super) fn append(&self, log: &mut dyn SharedFile, bytes: &[u8]) -> Result<(), SpoolError> {
        let path = self.directory.join(OPEN);
        let length = log.length().map_err(SpoolError::io("look at", &path))?;
        let mut whole = Vec::with_capacity(bytes.len() + 1);
        if length == 0 {
            // Whoever comes later finds records in it, and takes it for granted that a crash does not take the file.
            self.sync_directory("")?;
        } else {
            // What stands before may be torn, or become so: what a failed sync has left may lose its end.
            whole.push(b'\n');
        }
        whole.extend_from_slice(bytes);
        log.append(&whole).map_err(|error| {
            // Whatever was written of it would be torn records, or the first ones of several.
            let _ = log.cut(length);
            SpoolError::io("append to", &path)(error)
        })
    }

    pub(super) fn sync(&self, log: &mut dyn SharedFile) -> Result<(), SpoolError> {
        log.sync().map_err(SpoolError::io("sync", &self.directory.join(OPEN)))
    }

    /// Gives the log that is appended to another name, if it has anything in it.
    pub(super) fn seal_log(&self, name: &str) -> Result<(), SpoolError> {
        let from = self.directory.join(OPEN);
        let looked_at = || SpoolError::io("look at", &from);
        if !self.disk.is_there(&from).map_err(looked_at())? {
            return Ok(());
        }
        let mut log = self.open_log()?;
        if log.length().map_err(looked_at())? == 0 {
            return Ok(());
        }
        // What was appended without a sync is of no use to a delivery that survives a loss of power.
        self.sync(&mut *log)?;
        self.rename(&from, &self.directory.join(name))?;
        self.sync_directory("")
    }

    /// Makes a file with these bytes, whole and durable; its name is durable once the directory is synced.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), SpoolError> {
        let temporary = path.with_added_extension(TEMPORARY.trim_start_matches('.'));
        self.remove(&temporary)?;
        let written = self.disk.create(&temporary).and_then(|mut file| {
            file.append(bytes)?;
            file.sync()
        });
        written.map_err(SpoolError::io("write", &temporary))?;
        self.rename(&temporary, path)
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), SpoolError> {
        self.disk.rename(from, to).map_err(SpoolError::io("rename", from))
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), SpoolError> {
        self.disk.remove(path).map_err(SpoolError::io("remove", path))
    }

    pub(super) fn sync_directory(&self, part: &str) -> Result<(), SpoolError> {
        // Without a name at the end, whatever the part is.
        let path: PathBuf = self.directory.join(part).components().collect();
        self.disk.sync_directory(&path).map_err(SpoolError::io("sync", &path))
    }

    pub(super) fn read(&self, path: &Path) -> Result<Vec<u8>, SpoolError> {
        let mut bytes = Vec::new();
        let read = self.disk.open(path).and_then(|mut file| file.read_to_end(&mut bytes));
        read.map_err(SpoolError::io("read", path))?;
        Ok(bytes)
    }

    /// The names of the files in a part, sorted, and how long they are.
    pub(super) fn list(&self, part: &str) -> Result<Vec<(String, u64)>, SpoolError> {
        let path: PathBuf = self.directory.join(part).components().collect();
        let failed = || SpoolError::io("list", &path);
        let mut files = Vec::new();
        for name in self.disk.list(&path).map_err(failed())? {
            // Not there any more: somebody delivers meanwhile.
            if let Some(length) = self.disk.length(&path.join(&name)).map_err(failed())? {
                files.push((name.to_string_lossy().into_owned(), length));
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Removes files that were not finished. Only for whoever has the turn.
    pub(super) fn remove_temporary(&self) -> Result<(), SpoolError> {
        for part in [BATCHES, REFUSED, UNCERTAIN] {
            for (name, _) in self.list(part)? {
                if name.ends_with(TEMPORARY) {
                    self.remove(&self.path(part, &name))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn take_turn(&self) -> Result<Option<Held>, SpoolError> {
        match self.disk.try_lock(&self.directory.join("lock")) {
            Ok(lock) => Ok(Some(lock)),
            Err(LockError::Held { .. }) => Ok(None),
            Err(LockError::Io(path, error)) => Err(SpoolError::io("lock", &path)(error)),
        }
    }

    pub(super) fn is_due(&self, interval: Duration) -> Result<bool, SpoolError> {
        let path = self.directory.join("tried");
        let failed = || SpoolError::io("look at", &path);
        let is_first = !path.exists();
        let file = files::open_private(fs::OpenOptions::new().write(true).create(true), &path).map_err(failed())?;
        let last = file
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map_err(failed())?;
        // A time in the future was written before the clock was set.
        let elapsed = SystemTime::now().duration_since(last).unwrap_or(Duration::MAX);
        let due = !is_first && elapsed >= interval;
        if due {
            file.set_modified(SystemTime::now()).map_err(failed())?;
        }
        Ok(due)
    }
}

/// Others could put records into it, or take them away.
pub(super) fn must_not_be_writable(directory: &Path) -> Result<(), SpoolError> {
    let metadata = fs::metadata(directory).map_err(SpoolError::io("look at", directory))?;
    match metadata.mode() & 0o022 {
        0 => Ok(()),
        _ => Err(SpoolError::Writable(directory.to_owned())),
    }
}
