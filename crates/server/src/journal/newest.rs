//! The file `newest`: which segment was begun last. If that one is removed, or emptied, nothing else in the journal would tell.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use nexus_segments::{Disk, checksum};

use super::segment::SegmentId;

/// The segment that was begun last, as far as the file knows: one more may have begun a moment before a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) number: u64,
    pub(crate) id: SegmentId,
}

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is none: no segment was begun, or by a hub before format 2, or one a moment before a crash.
    None,
    Segment(Newest),
    Damaged,
}

/// No such file is longer.
const BYTES_MAX: u64 = 64;

pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join("newest")
}

impl Newest {
    fn encode(&self) -> String {
        let line = format!("{:06} {}", self.number, self.id);
        format!("{line} {:08x}\n", checksum(&[line.as_bytes()]))
    }

    fn decode(text: &str) -> Option<Self> {
        let (number, rest) = text.split_once(' ')?;
        let (id, _) = rest.split_once(' ')?;
        let newest = Newest {
            number: number.parse().ok()?,
            id: id.parse().ok()?,
        };
        (newest.encode() == text).then_some(newest)
    }

    /// Takes note of it, durably. The segment must be durable, and no older one may have been removed since it began.
    pub(super) fn write(&self, disk: &dyn Disk, directory: &Path) -> io::Result<()> {
        self.prepare(disk, directory)?;
        commit(disk, directory)
    }

    /// Writes it beside the file; nothing says so yet.
    pub(super) fn prepare(&self, disk: &dyn Disk, directory: &Path) -> io::Result<()> {
        let beside = beside(directory);
        disk.remove(&beside)?;
        let mut file = disk.create(&beside)?;
        file.append(self.encode().as_bytes())?;
        file.sync()
    }
}

/// Puts what was [prepared](Newest::prepare) in its place. If that fails, it may be there nevertheless.
pub(super) fn commit(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    disk.rename(&beside(directory), &path(directory))?;
    disk.sync_directory(directory)
}

fn beside(directory: &Path) -> PathBuf {
    path(directory).with_added_extension("new")
}

pub(super) fn read(disk: &dyn Disk, directory: &Path) -> io::Result<Found> {
    let file = match disk.open(&path(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    let newest = std::str::from_utf8(&bytes).ok().and_then(Newest::decode);
    Ok(newest.map_or(Found::Damaged, Found::Segment))
}

/// Removes the file, durably: to be done before the segment that it names goes.
pub(super) fn forget(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    if disk.is_there(&path(directory))? {
        disk.remove(&path(directory))?;
        disk.sync_directory(directory)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_segments::testing::MemoryDisk;

    #[test]
    fn what_was_written_is_read_and_every_flipped_bit_is_damage() {
        let (disk, directory) = (MemoryDisk::default(), Path::new("journal"));
        assert_eq!(read(&disk, directory).unwrap(), Found::None);
        let newest = Newest {
            number: 12,
            id: "0123456789abcdef".parse().unwrap(),
        };
        for _ in 0..2 {
            newest.write(&disk, directory).unwrap();
            assert_eq!(read(&disk, directory).unwrap(), Found::Segment(newest));
        }
        let sound = disk.get("journal/newest").unwrap();
        for bit in 0..8 * sound.len() {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            disk.put("journal/newest", bytes);
            assert_eq!(read(&disk, directory).unwrap(), Found::Damaged, "bit {bit}");
        }
        disk.put("journal/newest", "");
        assert_eq!(read(&disk, directory).unwrap(), Found::Damaged);
        forget(&disk, directory).unwrap();
        assert_eq!(read(&disk, directory).unwrap(), Found::None);
    }
}
