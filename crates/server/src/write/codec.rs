//! A write as bytes, as it stands in the journal; `state/README.md` has the layout.
//!
//! Numbers are LEB128 varints, values IEEE 754 doubles in little-endian order, texts a length and UTF-8 bytes.
//! The bytes know nothing of sequences or time: those belong to the frame, so that a request's own task can encode.
//! What few changes need stands behind a flag and takes no byte elsewhere, so the records of format 1, which knew no
//! groups, expiries, origins and refusals, are read as they are.

mod change;
mod op;
mod reader;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use reader::Reader;
pub(super) use target::definition;

use nexus_segments::varint;

use self::reader::put_text;
use super::{Change, Idempotency, Origin, Write};

/// Why bytes are not a write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("the record ends too early")]
    Short,
    #[error("{0} is not valid there")]
    Invalid(&'static str),
    #[error("change type {0} is unknown: the journal was written by a newer metric-nexus, use that one")]
    UnknownChange(u8),
    #[error("{0} has a flag that is unknown: the journal was written by a newer metric-nexus, use that one")]
    UnknownFlag(&'static str),
}

/// What a change takes at least: its tag and two empty texts.
const CHANGE_BYTES_MIN: usize = 3;

/// What may follow the owner's name in a write.
mod flag {
    pub(super) const IDEMPOTENT: u8 = 1;
    pub(super) const HAS_ORIGIN: u8 = 2;
    pub(super) const HAS_REFUSED: u8 = 4;
    pub(super) const ALL: u8 = IDEMPOTENT | HAS_ORIGIN | HAS_REFUSED;
}

impl Write<'_> {
    /// The write as a journal record: what the writer made of its mode is in it, the mode is not.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + 64 * self.changes.len());
        put_text(&mut out, &self.owner);
        let refused = self.refused.len() as u64;
        put_head(&mut out, self.idempotency.as_ref(), self.origin, refused);
        varint::put(&mut out, self.changes.len() as u64);
        for change in &self.changes {
            change.put(&mut out);
        }
        out
    }
}

fn put_head(out: &mut Vec<u8>, idempotency: Option<&Idempotency>, origin: Origin, refused: u64) {
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    let has_origin = origin != Origin::default();
    out.push(
        flag(idempotency.is_some(), flag::IDEMPOTENT)
            | flag(has_origin, flag::HAS_ORIGIN)
            | flag(refused > 0, flag::HAS_REFUSED),
    );
    if let Some(idempotency) = idempotency {
        out.extend_from_slice(&idempotency.id);
        out.extend_from_slice(&idempotency.fingerprint);
    }
    if has_origin {
        out.push(origin as u8);
    }
    if refused > 0 {
        varint::put(out, refused);
    }
}

/// A write as it stands in the journal.
#[derive(Debug, Clone)]
pub(crate) struct RecordedWrite<'a> {
    pub(crate) owner: &'a str,
    #[cfg_attr(
        not(any(test, feature = "fuzzing")),
        expect(dead_code, reason = "stands in the record for those who will tell origins apart")
    )]
    pub(crate) origin: Origin,
    pub(crate) idempotency: Option<Idempotency>,
    /// How many changes that are not in it were refused.
    pub(crate) refused: u64,
    /// Its changes, in order: no more than a client could send at once, so they may stand beside each other.
    pub(crate) changes: Vec<Change<'a>>,
}

#[cfg(any(test, feature = "fuzzing"))]
impl RecordedWrite<'_> {
    /// Its bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_text(&mut out, self.owner);
        put_head(&mut out, self.idempotency.as_ref(), self.origin, self.refused);
        varint::put(&mut out, self.changes.len() as u64);
        self.changes.iter().for_each(|change| change.put(&mut out));
        out
    }
}

impl<'a> Reader<'a> {
    /// The next write.
    pub(crate) fn write(&mut self) -> Result<RecordedWrite<'a>, CodecError> {
        let owner = self.text()?;
        let flags = self.flags(flag::ALL, "a write")?;
        let idempotency = match flags & flag::IDEMPOTENT {
            0 => None,
            _ => Some(Idempotency {
                id: self.array()?,
                fingerprint: self.array()?,
            }),
        };
        let origin = match flags & flag::HAS_ORIGIN {
            0 => Origin::default(),
            _ => *Origin::ALL
                .get(usize::from(self.byte()?))
                .ok_or(CodecError::Invalid("an origin"))?,
        };
        let refused = match flags & flag::HAS_REFUSED {
            0 => 0,
            _ => self.number()?,
        };
        let count = self.number()?;
        // The shortest change takes three bytes, so a count beyond that is damage.
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= self.rest_len() / CHANGE_BYTES_MIN);
        let count = count.ok_or(CodecError::Short)?;
        let mut changes = Vec::with_capacity(count);
        for _ in 0..count {
            changes.push(self.change()?);
        }
        Ok(RecordedWrite {
            owner,
            origin,
            idempotency,
            refused,
            changes,
        })
    }
}
