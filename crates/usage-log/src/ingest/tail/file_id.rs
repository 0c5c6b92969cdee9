//! Which file it is, whatever its name is.

use std::{
    fmt,
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    time::SystemTime,
};

use nexus_segments::checksum;

/// How much of a first line tells it from others.
const HEAD_BYTES_MAX: usize = 1024;

/// Where a file is: the same for as long as it exists, also under another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) inode: u64,
    /// Nanoseconds since 1970; 0 where the file system does not say. An inode is used again, but not with the same birth.
    pub(super) born_ns: u64,
}

impl Place {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok();
        let since = born.and_then(|born| born.duration_since(SystemTime::UNIX_EPOCH).ok());
        Place {
            inode: metadata.ino(),
            born_ns: since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or_default()),
        }
    }
}

/// What is in a place: a file that is truncated and written anew is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    pub(super) place: Place,
    /// Of the first line.
    pub(super) head_crc: u32,
}

impl FileId {
    /// None as long as the first line is not whole.
    pub(super) fn read(place: Place, file: &File) -> io::Result<Option<Self>> {
        let mut head = [0; HEAD_BYTES_MAX];
        let length = file.read_at(&mut head, 0)?;
        let head = head.get(..length).unwrap_or_default();
        let line = head.iter().position(|byte| *byte == b'\n').unwrap_or(head.len());
        let is_whole = line < head.len() || head.len() == HEAD_BYTES_MAX;
        let head_crc = checksum(&[head.get(..line).unwrap_or_default()]);
        Ok(is_whole.then_some(FileId { place, head_crc }))
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { inode, born_ns } = self.place;
        write!(f, "{inode:x}-{born_ns:x}-{:x}", self.head_crc)
    }
}
