//! A segment's file: its name and its header.

use nexus_segments::{Names, checksum, join, take};

use super::SEQUENCE_MAX;
use crate::config::Durability;

/// How segments are called.
pub(super) const NAMES: Names = Names {
    digits: 6,
    ending: ".log",
};

/// Begins every segment file.
const MAGIC: [u8; 8] = *b"NEXUSJNL";
/// The version of segments, frames and records. 1 knew no groups, expiries, origins and refusals, and is read as it is.
const FORMAT: u16 = 2;
/// The oldest that is read.
const FORMAT_MIN: u16 = 1;
/// Magic, format, durability, reserved byte, number, predecessor's end.
const COVERED_BYTES: usize = 8 + 2 + 1 + 1 + 8 + 8;
/// The same, and their checksum.
pub(crate) const HEADER_BYTES: usize = COVERED_BYTES + 4;

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
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let covered: [u8; COVERED_BYTES] = join(&[
            &MAGIC,
            &FORMAT.to_le_bytes(),
            &[self.durability as u8, 0],
            &self.number.to_le_bytes(),
            &self.after.to_le_bytes(),
        ]);
        join(&[&covered, &checksum(&[&covered]).to_le_bytes()])
    }

    pub(crate) fn decode(header: &[u8; HEADER_BYTES]) -> Result<Self, HeaderError> {
        let (covered, expected) = header.split_last_chunk().ok_or(HeaderError::Short)?;
        if checksum(&[covered]) != u32::from_le_bytes(*expected) {
            return Err(HeaderError::Damaged);
        }
        let from = &mut covered.strip_prefix(&MAGIC).ok_or(HeaderError::Damaged)?;
        let format = take(from).map(u16::from_le_bytes).ok_or(HeaderError::Short)?;
        if !(FORMAT_MIN..=FORMAT).contains(&format) {
            return Err(HeaderError::Newer(format));
        }
        let [durability, _] = take(from).ok_or(HeaderError::Short)?;
        let mut number = || take(from).map(u64::from_le_bytes).ok_or(HeaderError::Short);
        let (number, after) = (number()?, number()?);
        if after > SEQUENCE_MAX {
            return Err(HeaderError::Damaged);
        }
        let durability = [Durability::Sync, Durability::Flush, Durability::Snapshot]
            .into_iter()
            .find(|mode| *mode as u8 == durability);
        Ok(SegmentHeader {
            durability: durability.ok_or(HeaderError::Damaged)?,
            number,
            after,
        })
    }
}
