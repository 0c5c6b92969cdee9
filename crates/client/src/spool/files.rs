//! The few things that a spool asks of a disk.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, FileExt as _, MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

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
    directory: PathBuf,
    /// Whose directory it is: root leaves no files in it that its owner could not use.
    owner: (u32, u32),
    #[cfg(test)]
    pub(super) fuse: super::tests::Fuse,
}

pub(super) const BATCHES: &str = "batches";
pub(super) const REFUSED: &str = "refused";
pub(super) const UNCERTAIN: &str = "uncertain";
pub(super) const SEALING: &str = ".sealing";
const OPEN: &str = "open";
const TEMPORARY: &str = ".tmp";

impl Files {
    pub(super) fn open(directory: &Path) -> Result<Self, SpoolError> {
        for part in ["", BATCHES, REFUSED, UNCERTAIN] {
            let path = directory.join(part);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(SpoolError::io("make the directory", &path))?;
        }
        let metadata = fs::metadata(directory).map_err(SpoolError::io("look at", directory))?;
        if metadata.mode() & 0o022 != 0 {
            return Err(SpoolError::Writable(directory.to_owned()));
        }
        Ok(Files {
            directory: directory.to_owned(),
            owner: (metadata.uid(), metadata.gid()),
            #[cfg(test)]
            fuse: super::tests::Fuse::default(),
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn path(&self, part: &str, name: &str) -> PathBuf {
        self.directory.join(part).join(name)
    }

    /// The log that is appended to, locked; it is made if it is missing.
    pub(super) fn lock_log(&self) -> Result<File, SpoolError> {
        let path = self.directory.join(OPEN);
        loop {
            let file = self.private(OpenOptions::new().read(true).append(true), &path)?;
            file.lock().map_err(SpoolError::io("lock", &path))?;
            // It may have been sealed while this process waited.
            if same_file(&file, &path).map_err(SpoolError::io("look at", &path))? {
                return Ok(file);
            }
        }
    }

    /// Appends to the log in one piece, or not at all.
    pub(super) fn append(&self, log: &File, bytes: &[u8]) -> Result<(), SpoolError> {
        let path = self.directory.join(OPEN);
        let failed = || SpoolError::io("append to", &path);
        let length = log.metadata().map_err(failed())?.len();
        if length == 0 {
            // Whoever comes later finds records in it, and takes it for granted that a crash does not take the file.
            self.sync_directory("")?;
        }
        let mut last = [b'\n'];
        if length > 0 {
            log.read_exact_at(&mut last, length - 1).map_err(failed())?;
        }
        let mut whole = Vec::with_capacity(bytes.len() + 1);
        if last != [b'\n'] {
            whole.push(b'\n');
        }
        whole.extend_from_slice(bytes);
        #[cfg(test)]
        self.fuse.cut(&mut whole);
        let mut writer = log;
        if let Err(error) = writer.write_all(&whole) {
            // Whatever was written of it would be a torn record.
            let _ = log.set_len(length);
            return Err(failed()(error));
        }
        self.step()
    }

    pub(super) fn sync(&self, log: &File) -> Result<(), SpoolError> {
        log.sync_data()
            .map_err(SpoolError::io("sync", &self.directory.join(OPEN)))?;
        self.step()
    }

    /// Gives the log that is appended to another name, if it has anything in it.
    pub(super) fn seal_log(&self, name: &str) -> Result<(), SpoolError> {
        let from = self.directory.join(OPEN);
        if !from.exists() {
            return Ok(());
        }
        let log = self.lock_log()?;
        if log.metadata().map_err(SpoolError::io("look at", &from))?.len() == 0 {
            return Ok(());
        }
        // What was appended without a sync is of no use to a delivery that survives a loss of power.
        sync(&log).map_err(SpoolError::io("sync", &from))?;
        self.rename(&from, &self.directory.join(name))?;
        self.sync_directory("")
    }

    /// Makes a file with these bytes, whole and durable; its name is durable once the directory is synced.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), SpoolError> {
        let temporary = path.with_added_extension(TEMPORARY.trim_start_matches('.'));
        let mut file = self.private(OpenOptions::new().write(true).truncate(true), &temporary)?;
        let written = file.write_all(bytes).and_then(|()| sync(&file));
        written.map_err(SpoolError::io("write", &temporary))?;
        self.step()?;
        self.rename(&temporary, path)
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), SpoolError> {
        fs::rename(from, to).map_err(SpoolError::io("rename", from))?;
        self.step()
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), SpoolError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SpoolError::io("remove", path)(error)),
            _ => self.step(),
        }
    }

    pub(super) fn sync_directory(&self, part: &str) -> Result<(), SpoolError> {
        let path = self.directory.join(part);
        let synced = File::open(&path).and_then(|directory| sync(&directory));
        synced.map_err(SpoolError::io("sync", &path))
    }

    /// The names of the files in a part, sorted, and how long they are.
    pub(super) fn list(&self, part: &str) -> Result<Vec<(String, u64)>, SpoolError> {
        let path = self.directory.join(part);
        let failed = || SpoolError::io("list", &path);
        let mut files = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let metadata = match entry.metadata() {
                // Somebody delivers meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(failed())?,
            };
            if metadata.is_file() {
                files.push((entry.file_name().to_string_lossy().into_owned(), metadata.len()));
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

    pub(super) fn take_turn(&self) -> Result<Option<File>, SpoolError> {
        let path = self.directory.join("lock");
        let file = self.private(OpenOptions::new().write(true), &path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(SpoolError::io("lock", &path)(error)),
        }
    }

    pub(super) fn is_due(&self, interval: Duration) -> Result<bool, SpoolError> {
        let path = self.directory.join("tried");
        let failed = || SpoolError::io("look at", &path);
        let is_first = !path.exists();
        let file = self.private(OpenOptions::new().write(true), &path)?;
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

    /// Opens a file that nobody else may read, and makes it if it is missing.
    fn private(&self, options: &mut OpenOptions, path: &Path) -> Result<File, SpoolError> {
        let file = options.create(true).mode(0o600).open(path);
        let file = file.map_err(SpoolError::io("open", path))?;
        let metadata = file.metadata().map_err(SpoolError::io("look at", path))?;
        let (uid, gid) = self.owner;
        if metadata.uid() != uid {
            fchown(&file, Some(uid), Some(gid)).map_err(SpoolError::io("give to its owner", path))?;
        }
        Ok(file)
    }

    /// Where a test lets the process die.
    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "only a test cuts it short")
    )]
    fn step(&self) -> Result<(), SpoolError> {
        #[cfg(test)]
        self.fuse.burn()?;
        Ok(())
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, SpoolError> {
    fs::read(path).map_err(SpoolError::io("read", path))
}

/// The tests of this module let processes die, not machines, and are many.
fn sync(file: &File) -> io::Result<()> {
    if cfg!(test) { Ok(()) } else { file.sync_all() }
}

fn same_file(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        theirs => theirs.map(|theirs| (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino())),
    }
}
