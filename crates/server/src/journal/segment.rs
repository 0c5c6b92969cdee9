//! A segment's file: its name and its header.

use std::{io, path::Path};

use super::SEQUENCE_MAX;
use crate::{config::Durability, disk::Disk};

/// Begins every segment file.
const MAGIC: [u8; 8] = *b"NEXUSJNL";
/// The version of segments, frames and records. 1 knew no groups, expiries, origins and refusals, and is read as it is.
const FORMAT: u16 = 2;
/// The oldest that is read.
const FORMAT_MIN: u16 = 1;
/// Magic, format, durability, reserved byte, number, predecessor's end, checksum.
pub(crate) const HEADER_BYTES: usize = 8 + 2 + 1 + 1 + 8 + 8 + 4;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The mode it was written in: under [`Durability::Snapshot`] it holds only what happened during snapshots.
    pub(crate) durability: Durability,
    /// Its number, as in its file name.
    pub(crate) number: u64,
    /// The sequence at which its predecessor ends.
    pub(crate) after: u64,
}

/// Why bytes are not a segment's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("the file ends within its header")]
    Short,
    #[error("its header is damaged")]
    Damaged,
    #[error("its format is {0}, this version reads formats {FORMAT_MIN} to {FORMAT}: use a newer metric-nexus")]
    Newer(u16),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.push(self.durability as u8);
        out.push(0);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.after.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let (bytes, checksum) = bytes
            .get(..HEADER_BYTES)
            .ok_or(HeaderError::Short)?
            .split_last_chunk()
            .ok_or(HeaderError::Short)?;
        if crc32fast::hash(bytes) != u32::from_le_bytes(*checksum) {
            return Err(HeaderError::Damaged);
        }
        let rest = bytes.strip_prefix(&MAGIC).ok_or(HeaderError::Damaged)?;
        let (format, rest) = rest.split_first_chunk().ok_or(HeaderError::Short)?;
        let format = u16::from_le_bytes(*format);
        if !(FORMAT_MIN..=FORMAT).contains(&format) {
            return Err(HeaderError::Newer(format));
        }
        let ([durability, _], rest) = rest.split_first_chunk().ok_or(HeaderError::Short)?;
        let (number, after) = rest.split_first_chunk().ok_or(HeaderError::Short)?;
        let after = u64::from_le_bytes(*after.first_chunk().ok_or(HeaderError::Short)?);
        if after > SEQUENCE_MAX {
            return Err(HeaderError::Damaged);
        }
        let durability = [Durability::Sync, Durability::Flush, Durability::Snapshot]
            .into_iter()
            .find(|mode| *mode as u8 == *durability);
        Ok(SegmentHeader {
            durability: durability.ok_or(HeaderError::Damaged)?,
            number: u64::from_le_bytes(*number),
            after,
        })
    }
}

pub(crate) fn file_name(number: u64) -> String {
    format!("{number:06}.log")
}

/// The numbers of the segments in a directory, rising; none if there is no directory.
pub(crate) fn list(disk: &dyn Disk, directory: &Path) -> io::Result<Vec<u64>> {
    let names = match disk.list(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names?,
    };
    let mut numbers: Vec<u64> = names
        .iter()
        .filter_map(|name| name.to_str()?.strip_suffix(".log")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}
