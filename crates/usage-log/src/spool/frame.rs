/// Length of the payload, checksum, first number, count, last number that may be given before the next frame.
pub(super) const HEADER_BYTES: usize = 4 + 4 + 8 + 4 + 8;
/// No frame is longer; a length beyond it is damage.
const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// What a frame says of itself. One without records is the last of its writer, who had none left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// The number of its first record.
    pub(super) first: u64,
    /// How many records it has.
    pub(super) count: u32,
    /// No record got a greater number before the frame that follows was written.
    pub(super) last_possible: u64,
}

impl FrameHeader {
    /// The number of the last record up to its end.
    pub(super) fn last(&self) -> u64 {
        (self.first + u64::from(self.count)).saturating_sub(1)
    }
}

/// A frame as it stands in a segment; none if it would be too long to be read.
pub(super) fn write(header: FrameHeader, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= PAYLOAD_BYTES_MAX)?;
    let mut rest = Vec::with_capacity(HEADER_BYTES + payload.len());
    rest.extend_from_slice(&header.first.to_le_bytes());
    rest.extend_from_slice(&header.count.to_le_bytes());
    rest.extend_from_slice(&header.last_possible.to_le_bytes());
    rest.extend_from_slice(payload);
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&checksum(length, &rest).to_le_bytes());
    frame.append(&mut rest);
    Some(frame)
}

/// Reads the frame at the start of `bytes`, and how long it is. None if there is no sound one.
pub(super) fn read(bytes: &[u8]) -> Option<(FrameHeader, &[u8], usize)> {
    let (length, after) = bytes.split_first_chunk::<4>()?;
    let (sum, after) = after.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    let bytes_long = HEADER_BYTES.checked_add(usize::try_from(length).ok()?)?;
    let rest = after.get(..bytes_long - 8)?;
    if checksum(length, rest) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (last_possible, payload) = rest.split_first_chunk::<8>()?;
    let header = FrameHeader {
        first: u64::from_le_bytes(*first),
        count: u32::from_le_bytes(*count),
        last_possible: u64::from_le_bytes(*last_possible),
    };
    Some((header, payload, bytes_long))
}

/// Covers the length too, so that a frame cannot be read with another one's end.
fn checksum(length: u32, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(rest);
    hasher.finalize()
}
