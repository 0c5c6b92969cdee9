//! How far a log was read, over restarts.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use nexus_segments::files;
use serde::{Deserialize, Serialize};

use super::file_id::{FileId, Place};

/// How far files are read.
#[derive(Debug, Default)]
pub(super) struct Position {
    saved_at_ns: u64,
    pub(super) files: Vec<ReadFile>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadFile {
    pub(super) id: FileId,
    pub(super) offset: u64,
}

/// As it stands on disk.
#[derive(Serialize, Deserialize)]
struct Stored {
    saved_at_ns: u64,
    files: Vec<StoredFile>,
}

#[derive(Serialize, Deserialize)]
struct StoredFile {
    inode: u64,
    born_ns: u64,
    head_crc: u32,
    offset: u64,
}

impl Position {
    /// As of now.
    pub(super) fn new(files: Vec<ReadFile>) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Position {
            saved_at_ns: now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)),
            files,
        }
    }

    pub(super) fn saved_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.saved_at_ns)
    }

    /// Nothing, if there is no file.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Position::default()),
            bytes => bytes?,
        };
        let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| {
            let path = path.display();
            let what =
                format!("{path} does not say how far an access log is read ({error}); without it all is read again");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        let files = stored.files.into_iter().map(|file| ReadFile {
            id: FileId {
                place: Place {
                    inode: file.inode,
                    born_ns: file.born_ns,
                },
                head_crc: file.head_crc,
            },
            offset: file.offset,
        });
        Ok(Position {
            saved_at_ns: stored.saved_at_ns,
            files: files.collect(),
        })
    }

    /// What is read later is whole, whatever happens meanwhile.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let files = self.files.iter().map(|ReadFile { id, offset }| StoredFile {
            inode: id.place.inode,
            born_ns: id.place.born_ns,
            head_crc: id.head_crc,
            offset: *offset,
        });
        let stored = Stored {
            saved_at_ns: self.saved_at_ns,
            files: files.collect(),
        };
        files::write_durably(path, files::OWNER_ONLY, &serde_json::to_vec(&stored)?)
    }
}
