//! A segment's file: its name and its header.

use std::{
    fmt,
    io::{self, Read},
    num::NonZeroU64,
    str::FromStr,
};

use nexus_segments::{Names, checksum, frame::Header as _, join, take};

use super::{FrameHeader, SEQUENCE_MAX};
use crate::config::Durability;

/// How segments are called.
pub(super) const NAMES: Names = Names {
    digits: 6,
    ending: ".log",
};

/// Begins every segment file.
const MAGIC: [u8; 8] = *b"NEXUSJNL";
/// The version of segments, frames and records. 1 knew no links between segments, no groups, expiries, origins and refusals,
/// and is read as it is.
const FORMAT: u16 = 2;
/// The oldest that is read.
const FORMAT_MIN: u16 = 1;
/// Magic, format, durability, reserved byte, number, predecessor's end; all that format 1 had.
const COVERED_1_BYTES: usize = 8 + 2 + 1 + 1 + 8 + 8;
/// The same, and their checksum.
const HEADER_1_BYTES: usize = COVERED_1_BYTES + CHECKSUM_BYTES;
/// The same, and the ids of the segment and of its predecessor.
const COVERED_BYTES: usize = COVERED_1_BYTES + 8 + 8;
/// The same, and their checksum.
pub(crate) const HEADER_BYTES: usize = COVERED_BYTES + CHECKSUM_BYTES;
const CHECKSUM_BYTES: usize = 4;

/// Tells a segment from every other one, of whichever hub and whichever history: drawn at random when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentId(NonZeroU64);

impl SegmentId {
    /// One that there never was.
    pub(crate) fn random() -> io::Result<Self> {
        let random = getrandom::u64().map_err(io::Error::other)?;
        Ok(SegmentId(NonZeroU64::new(random).unwrap_or(NonZeroU64::MIN)))
    }

    pub(super) fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(SegmentId)
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a segment is 16 hexadecimal digits")]
pub(crate) struct NoSegmentId;

impl FromStr for SegmentId {
    type Err = NoSegmentId;

    fn from_str(text: &str) -> Result<Self, NoSegmentId> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.and_then(SegmentId::new).ok_or(NoSegmentId)
    }
}

/// Which segment this is, and which one it continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: SegmentId,
    /// None for the first of all.
    pub(crate) previous: Option<SegmentId>,
}

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The mode it was written in: under [`Durability::Snapshot`] it holds only what happened during snapshots.
    pub(crate) durability: Durability,
    /// Its number, as in its file name.
    pub(crate) number: u64,
    /// The sequence at which its predecessor ends.
    pub(crate) after: u64,
    /// None in format 1.
    pub(crate) link: Option<Link>,
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
    /// As it stands in a file: in today's format if it has a link.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let format = if self.link.is_some() { FORMAT } else { FORMAT_MIN };
        let first: [u8; COVERED_1_BYTES] = join(&[
            &MAGIC,
            &format.to_le_bytes(),
            &[self.durability as u8, 0],
            &self.number.to_le_bytes(),
            &self.after.to_le_bytes(),
        ]);
        let mut bytes = first.to_vec();
        if let Some(Link { id, previous }) = self.link {
            bytes.extend_from_slice(&id.0.get().to_le_bytes());
            bytes.extend_from_slice(&previous.map_or(0, |previous| previous.0.get()).to_le_bytes());
        }
        bytes.extend_from_slice(&checksum(&[&bytes]).to_le_bytes());
        bytes
    }

    /// How long it is.
    fn bytes(&self) -> usize {
        if self.link.is_some() {
            HEADER_BYTES
        } else {
            HEADER_1_BYTES
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        // A file that was being made when the hub ended: its length may have reached the disk, and the bytes not.
        if bytes.len() <= HEADER_BYTES && bytes.iter().all(|byte| *byte == 0) {
            return Err(HeaderError::Short);
        }
        let (covered, formats) = if let Some(covered) = sound(bytes, COVERED_1_BYTES) {
            (covered, [FORMAT_MIN])
        } else if bytes.len() < HEADER_BYTES {
            return Err(HeaderError::Short);
        } else {
            (sound(bytes, COVERED_BYTES).ok_or(HeaderError::Damaged)?, [FORMAT])
        };
        let from = &mut covered.strip_prefix(&MAGIC).ok_or(HeaderError::Damaged)?;
        let format = take(from).map(u16::from_le_bytes).ok_or(HeaderError::Short)?;
        if format > FORMAT {
            return Err(HeaderError::Newer(format));
        }
        if !formats.contains(&format) {
            return Err(HeaderError::Damaged);
        }
        let [durability, _] = take(from).ok_or(HeaderError::Short)?;
        let mut number = || take(from).map(u64::from_le_bytes);
        let (Some(own), Some(after)) = (number(), number()) else {
            return Err(HeaderError::Short);
        };
        let link = match (number(), number()) {
            (Some(id), Some(previous)) => Some(Link {
                id: SegmentId::new(id).ok_or(HeaderError::Damaged)?,
                previous: SegmentId::new(previous),
            }),
            _ => None,
        };
        if after > SEQUENCE_MAX {
            return Err(HeaderError::Damaged);
        }
        let durability = [Durability::Sync, Durability::Flush, Durability::Snapshot]
            .into_iter()
            .find(|mode| *mode as u8 == durability);
        Ok(SegmentHeader {
            durability: durability.ok_or(HeaderError::Damaged)?,
            number: own,
            after,
            link,
        })
    }
}

/// The first so many bytes, if their checksum stands behind them.
fn sound(bytes: &[u8], covered: usize) -> Option<&[u8]> {
    let (covered, rest) = bytes.split_at_checked(covered)?;
    let expected = u32::from_le_bytes(*rest.first_chunk()?);
    (checksum(&[covered]) == expected).then_some(covered)
}

/// Reads the header at the start of a segment, and says where its frames begin.
pub(super) fn read(file: &mut dyn Read) -> io::Result<(Result<SegmentHeader, HeaderError>, usize)> {
    // One byte more tells a file that ends with its header from one that does not.
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 1);
    file.take(HEADER_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let header = SegmentHeader::decode(&bytes);
    let frames = match &header {
        Ok(header) => header.bytes(),
        // If it is damaged, nobody knows its format, unless a frame follows the shorter one.
        Err(_)
            if bytes
                .get(HEADER_1_BYTES..)
                .is_some_and(|rest| rest.starts_with(FrameHeader::MAGIC)) =>
        {
            HEADER_1_BYTES
        }
        Err(_) => HEADER_BYTES,
    };
    Ok((header, frames))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(link: Option<Link>) -> SegmentHeader {
        SegmentHeader {
            durability: Durability::Flush,
            number: 7,
            after: 42,
            link,
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written_in_either_format() {
        let id = |number| SegmentId::new(number).unwrap();
        let links = [
            None,
            Some(Link {
                id: id(1),
                previous: None,
            }),
            Some(Link {
                id: id(u64::MAX),
                previous: Some(id(9)),
            }),
        ];
        for link in links {
            let bytes = header(link).encode();
            let followed = [&bytes[..], b"frames"].concat();
            for file in [&bytes, &followed] {
                let read = read(&mut &file[..]).unwrap();
                assert_eq!(read, (Ok(header(link)), bytes.len()));
            }
        }
    }

    #[test]
    fn a_file_that_was_being_made_has_no_header_and_a_flipped_bit_is_damage() {
        let link = Some(Link {
            id: SegmentId::random().unwrap(),
            previous: None,
        });
        let bytes = header(link).encode();
        let check = |bytes: &[u8], expected: HeaderError| {
            assert_eq!(SegmentHeader::decode(bytes), Err(expected), "{bytes:?}");
        };
        for length in 0..bytes.len() {
            check(&bytes[..length], HeaderError::Short);
            check(&vec![0; length], HeaderError::Short);
        }
        check(&[0; HEADER_BYTES], HeaderError::Short);
        check(&[0; HEADER_BYTES + 1], HeaderError::Damaged);
        for bit in 0..8 * bytes.len() {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            check(&bytes, HeaderError::Damaged);
        }
    }

    #[test]
    fn an_id_is_sixteen_hexadecimal_digits() {
        let check = |text: &str, good: bool| assert_eq!(text.parse::<SegmentId>().is_ok(), good, "{text:?}");
        check("0123456789abcdef", true);
        check("ffffffffffffffff", true);
        check("0000000000000000", false);
        check("+123456789abcdef", false);
        check("123", false);
        check("", false);
        let id = SegmentId::random().unwrap();
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
