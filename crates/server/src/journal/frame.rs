use super::SEQUENCE_MAX;
use crate::write::{Applied, CodecError, Reader, RecordedWrite, put_number};

/// Begins every frame, so that a reader can find the next one behind damage.
pub(crate) const MAGIC: [u8; 4] = *b"NxF1";
/// Magic, payload length, checksum, count, first sequence, synced sequence, time.
pub(crate) const HEADER_BYTES: usize = 4 + 4 + 4 + 4 + 8 + 8 + 8;
/// No frame is longer; a length beyond it is damage.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 30;

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
            bytes: vec![0; HEADER_BYTES],
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
        put_number(&mut self.bytes, applied.created);
        put_number(&mut self.bytes, applied.deleted);
        self.bytes.extend_from_slice(record);
        self.count += sequences_of(applied.changes);
    }

    pub(crate) fn last(&self) -> u64 {
        self.next() - 1
    }

    /// Fills in the header; gives the frame as it stands in the journal.
    pub(crate) fn seal(&mut self, synced: u64) -> &[u8] {
        let length = u32::try_from(self.bytes.len() - HEADER_BYTES).unwrap_or(u32::MAX);
        let mut rest = Vec::with_capacity(HEADER_BYTES);
        rest.extend_from_slice(&self.count.to_le_bytes());
        rest.extend_from_slice(&self.first.to_le_bytes());
        rest.extend_from_slice(&synced.to_le_bytes());
        rest.extend_from_slice(&self.at_ms.to_le_bytes());
        if let Some((header, payload)) = self.bytes.split_first_chunk_mut::<HEADER_BYTES>() {
            let checksum = checksum(length, &rest, payload);
            let parts = [&MAGIC[..], &length.to_le_bytes(), &checksum.to_le_bytes(), &rest];
            header
                .iter_mut()
                .zip(parts.into_iter().flatten())
                .for_each(|(to, from)| *to = *from);
        }
        &self.bytes
    }
}

/// How many sequences a write with so many changes uses.
pub(crate) fn sequences_of(changes: u64) -> u32 {
    u32::try_from(changes.max(1)).unwrap_or(u32::MAX)
}

/// Covers the length too, so that a frame cannot be read with another one's end.
fn checksum(length: u32, rest: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(rest);
    hasher.update(payload);
    hasher.finalize()
}

/// Reads the frame at the start of `bytes`: its header, its payload, and its length in all. `None` if there is no sound one.
pub(crate) fn read(bytes: &[u8]) -> Option<(FrameHeader, &[u8], usize)> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let length = payload_length(header)?;
    let payload = payload.get(..length)?;
    Some((check(header, payload)?, payload, HEADER_BYTES + length))
}

/// The length of the payload that a header announces, if it is a header at all.
pub(crate) fn payload_length(header: &[u8; HEADER_BYTES]) -> Option<usize> {
    let length = header.strip_prefix(&MAGIC)?.first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    (length <= PAYLOAD_BYTES_MAX).then_some(length)
}

/// What the header says, if the checksum confirms it.
fn check(header: &[u8; HEADER_BYTES], payload: &[u8]) -> Option<FrameHeader> {
    let length = u32::try_from(payload.len()).ok()?;
    let (expected, rest) = header.get(8..)?.split_first_chunk()?;
    if checksum(length, rest, payload) != u32::from_le_bytes(*expected) {
        return None;
    }
    let (count, rest) = rest.split_first_chunk()?;
    let (first, rest) = rest.split_first_chunk()?;
    let (synced, at_ms) = rest.split_first_chunk()?;
    let (count, first) = (u32::from_le_bytes(*count), u64::from_le_bytes(*first));
    let (synced, at_ms) = (u64::from_le_bytes(*synced), u64::from_le_bytes(*at_ms.first_chunk()?));
    let header = FrameHeader {
        first,
        count,
        synced,
        at_ms,
    };
    (count > 0 && header.last() <= SEQUENCE_MAX).then_some(header)
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
        let used = sequences_of(write.len() as u64);
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
