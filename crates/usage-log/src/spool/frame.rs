//! What a frame of the spool says of itself.

use nexus_segments::{frame::Header, join, take};

/// Records that were appended together. One without records is the last of its writer, who had none left.
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
        self.first.saturating_add(u64::from(self.count)).saturating_sub(1)
    }
}

impl Header for FrameHeader {
    /// Numbers stand for dimensions that are defined in the frames before, so nothing can be read behind damage anyway.
    const MAGIC: &'static [u8] = b"";
    /// First number, count, last number that may be given before the next frame.
    type Fields = [u8; 8 + 4 + 8];

    fn fields(&self) -> Self::Fields {
        join(&[
            &self.first.to_le_bytes(),
            &self.count.to_le_bytes(),
            &self.last_possible.to_le_bytes(),
        ])
    }

    fn from_fields(fields: Self::Fields) -> Option<Self> {
        let from = &mut &fields[..];
        Some(FrameHeader {
            first: u64::from_le_bytes(take(from)?),
            count: u32::from_le_bytes(take(from)?),
            last_possible: u64::from_le_bytes(take(from)?),
        })
    }
}
