//! Writes that become durable together, under one checksum.

use nexus_segments::{
    frame::{self, TooLong},
    join, take, varint,
};

use super::SEQUENCE_MAX;
use crate::write::{Applied, CodecError, Reader, RecordedWrite};

/// Writes that are made durable together, under one checksum.
#[derive(Debug)]
pub(crate) struct Frame {
    first: u64,
    count: u32,
    at_ms: u64,
    /// The header's place, then the payload.
    bytes: Vec<u8>,
}

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// The sequence of the frame's first change.
    pub(crate) first: u64,
    /// How many sequences it uses.
    pub(crate) count: u32,
    /// The last sequence that was known to be durable when the frame was written.
    pub(crate) synced: u64,
    /// When it was written, in milliseconds since 1970.
    pub(crate) at_ms: u64,
}

impl frame::Header for FrameHeader {
    const MAGIC: &'static [u8] = b"NxF1";
    /// Count, first sequence, synced sequence, time.
    type Fields = [u8; 4 + 8 + 8 + 8];

    fn fields(&self) -> Self::Fields {
        join(&[
            &self.count.to_le_bytes(),
            &self.first.to_le_bytes(),
            &self.synced.to_le_bytes(),
            &self.at_ms.to_le_bytes(),
        ])
    }

    fn from_fields(fields: Self::Fields) -> Option<Self> {
        let from = &mut &fields[..];
        let count = u32::from_le_bytes(take(from)?);
        let mut number = || take(from).map(u64::from_le_bytes);
        let header = FrameHeader {
            count,
            first: number()?,
            synced: number()?,
            at_ms: number()?,
        };
        (count > 0 && header.last() <= SEQUENCE_MAX).then_some(header)
    }
}

impl FrameHeader {
    /// The sequence of the frame's last change.
    pub(crate) fn last(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count) - 1)
    }
}

impl Frame {
    /// An empty frame whose first change will have sequence `first`.
    pub(crate) fn begin(first: u64, at_ms: u64) -> Self {
        Frame {
            first,
            count: 0,
            at_ms,
            bytes: frame::begin::<FrameHeader>(),
        }
    }

    /// The sequence that the next write's first change gets.
    pub(crate) fn next(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    pub(crate) fn at_ms(&self) -> u64 {
        self.at_ms
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a write. A write without changes uses a sequence too, since its idempotency key is a fact of its own.
    pub(crate) fn push(&mut self, applied: &Applied, record: &[u8]) {
        varint::put(&mut self.bytes, applied.created);
        varint::put(&mut self.bytes, applied.deleted);
        self.bytes.extend_from_slice(record);
        self.count += sequences_of(applied.changes);
    }

    pub(crate) fn last(&self) -> u64 {
        self.next() - 1
    }

    /// Fills in the header; gives the frame as it stands in the journal.
    pub(crate) fn seal(&mut self, synced: u64) -> Result<&[u8], TooLong> {
        let header = FrameHeader {
            first: self.first,
            count: self.count,
            synced,
            at_ms: self.at_ms,
        };
        frame::seal(&header, &mut self.bytes)?;
        Ok(&self.bytes)
    }
}

/// How many sequences a write with so many changes uses.
pub(crate) fn sequences_of(changes: u64) -> u32 {
    u32::try_from(changes.max(1)).unwrap_or(u32::MAX)
}

/// One write of a frame, with what became of it.
#[derive(Debug)]
pub(crate) struct JournaledWrite<'a> {
    /// The sequence of its first change.
    pub(crate) first: u64,
    /// What its answer said.
    pub(crate) created: u64,
    pub(crate) deleted: u64,
    pub(crate) write: RecordedWrite<'a>,
}

/// The writes in a frame's payload.
pub(crate) fn writes<'a>(header: &FrameHeader, payload: &'a [u8]) -> Result<Vec<JournaledWrite<'a>>, CodecError> {
    let mut reader = Reader::new(payload);
    let mut first = header.first;
    let mut writes = Vec::new();
    while !reader.is_at_end() {
        let (created, deleted) = (reader.number()?, reader.number()?);
        let write = reader.write()?;
        let used = sequences_of(write.changes.len() as u64);
        writes.push(JournaledWrite {
            first,
            created,
            deleted,
            write,
        });
        first = first.saturating_add(u64::from(used));
    }
    if first != header.first.saturating_add(u64::from(header.count)) {
        return Err(CodecError::Invalid("the number of changes in the frame's header"));
    }
    Ok(writes)
}
