//! Records on a disk that say how long they are and whether they are whole.
//!
//! ```text
//! magic  length of the payload u32  CRC-32 u32  fields  payload
//! ```
//!
//! Numbers are little-endian. The checksum covers the length, the fields and the payload; the length, so that a frame cannot
//! be read with another one's end. Which magic and which fields is up to each kind of frame: [`Header`].

mod reader;

use crate::checksum;
pub use reader::{Found, Gap, Reader};

/// No payload is longer; a length beyond it is damage.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 30;
/// Length and checksum.
const FIXED_BYTES: usize = 4 + 4;

/// What a kind of frame says of itself, beside its length.
pub trait Header: Copy {
    /// Begins every frame, so that a reader can find the next one behind damage. Without it nothing behind damage is found.
    const MAGIC: &'static [u8];
    /// The fields as bytes: an array.
    type Fields: AsRef<[u8]> + for<'a> TryFrom<&'a [u8]>;

    /// As it stands in a frame.
    fn fields(&self) -> Self::Fields;
    /// What the fields of a whole frame say; none if they cannot be.
    fn from_fields(fields: Self::Fields) -> Option<Self>;
}

/// How many bytes stand before a frame's payload.
#[must_use]
pub const fn header_bytes<H: Header>() -> usize {
    H::MAGIC.len() + FIXED_BYTES + size_of::<H::Fields>()
}

/// A payload is longer than [`PAYLOAD_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes are too many for one frame")]
pub struct TooLong(usize);

impl From<TooLong> for std::io::Error {
    fn from(error: TooLong) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, error)
    }
}

/// An empty frame: room for the header. The payload is appended to it, then it is [sealed](seal).
#[must_use]
pub fn begin<H: Header>() -> Vec<u8> {
    vec![0; header_bytes::<H>()]
}

/// Fills in the header of a frame that was [begun](begin). What is payload stays where it is.
///
/// # Errors
/// The payload is too long; nothing was changed.
pub fn seal<H: Header>(header: &H, frame: &mut [u8]) -> Result<(), TooLong> {
    let (magic, fields) = (H::MAGIC, header.fields());
    let Some((place, payload)) = frame.split_at_mut_checked(header_bytes::<H>()) else {
        return Ok(());
    };
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(TooLong(payload.len()));
    }
    let length = length.to_le_bytes();
    let checksum = checksum(&[&length, fields.as_ref(), payload]).to_le_bytes();
    let parts = [magic, &length, &checksum, fields.as_ref()];
    place
        .iter_mut()
        .zip(parts.into_iter().flatten())
        .for_each(|(to, from)| *to = *from);
    Ok(())
}

/// The length of the payload that the frame at the start of `bytes` announces; none if that is no header.
#[must_use]
pub fn payload_length<H: Header>(bytes: &[u8]) -> Option<usize> {
    let length = bytes.strip_prefix(H::MAGIC)?.first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    (length <= PAYLOAD_BYTES_MAX).then_some(length)
}

/// Reads the frame at the start of `bytes`: what it says of itself, its payload, and its length in all. None if there is no
/// sound one.
#[must_use]
pub fn read<H: Header>(bytes: &[u8]) -> Option<(H, &[u8], usize)> {
    let payload_bytes = payload_length::<H>(bytes)?;
    let (header, rest) = bytes.split_at_checked(header_bytes::<H>())?;
    let payload = rest.get(..payload_bytes)?;
    let (length, rest) = header.strip_prefix(H::MAGIC)?.split_first_chunk::<4>()?;
    let (expected, fields) = rest.split_first_chunk::<4>()?;
    if checksum(&[length, fields, payload]) != u32::from_le_bytes(*expected) {
        return None;
    }
    let header = H::from_fields(fields.try_into().ok()?)?;
    Some((header, payload, header_bytes::<H>() + payload_bytes))
}

/// Every sound frame in bytes that may be anything, with its place.
fn find_all<H: Header>(bytes: &[u8]) -> Vec<(usize, H)> {
    let mut found = Vec::new();
    if H::MAGIC.is_empty() {
        return found;
    }
    let finder = memchr::memmem::Finder::new(H::MAGIC);
    let mut at = 0;
    while let Some(rest) = bytes.get(at..)
        && let Some(next) = finder.find(rest)
    {
        at += next;
        match bytes.get(at..).and_then(read::<H>) {
            Some((header, _, length)) => {
                found.push((at, header));
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests;
