//! Reads records byte by byte; and what writes their numbers, texts and values.

use nexus_metric::Labels;
use nexus_segments::varint;

use super::{super::GroupKey, CodecError};

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_value(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Reads journal records one after the other. Nothing is allocated but what few changes need: all texts are borrowed.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The name, the definition and the group of the change before: the next one mostly has the same bytes there, which need
    /// not be read again.
    name: Name<'a>,
    pub(super) definition: &'a [u8],
    group: Option<GroupKey>,
}

/// A name with the bytes that say it, length included.
#[derive(Debug, Clone, Copy, Default)]
struct Name<'a> {
    bytes: &'a [u8],
    text: &'a str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader {
            rest: bytes,
            name: Name::default(),
            definition: &[],
            group: None,
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn rest_len(&self) -> usize {
        self.rest.len()
    }

    /// Where it is, for [`Reader::since`].
    pub(super) fn mark(&self) -> &'a [u8] {
        self.rest
    }

    /// What was read since it was at `mark`.
    pub(super) fn since(&self, mark: &'a [u8]) -> &'a [u8] {
        let length = mark.len().saturating_sub(self.rest.len());
        mark.get(..length).unwrap_or_default()
    }

    /// The next byte, which stays where it is.
    pub(super) fn peek(&self) -> Result<u8, CodecError> {
        self.rest.first().copied().ok_or(CodecError::Short)
    }

    /// Whether these bytes come next, if there are any; they are read then.
    pub(super) fn eat(&mut self, bytes: &[u8]) -> bool {
        match self.rest.strip_prefix(bytes) {
            Some(rest) if !bytes.is_empty() => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, CodecError> {
        let (byte, rest) = self.rest.split_first().ok_or(CodecError::Short)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// A byte of flags, none of which may be beyond those that are known.
    pub(super) fn flags(&mut self, known: u8, of_what: &'static str) -> Result<u8, CodecError> {
        let flags = self.byte()?;
        match flags & !known {
            0 => Ok(flags),
            _ => Err(CodecError::UnknownFlag(of_what)),
        }
    }

    /// A family's name.
    pub(super) fn name(&mut self) -> Result<&'a str, CodecError> {
        let mark = self.mark();
        if !self.eat(self.name.bytes) {
            let text = self.text()?;
            if text.is_empty() {
                return Err(CodecError::Invalid("a name"));
            }
            let bytes = self.since(mark);
            self.name = Name { bytes, text };
        }
        Ok(self.name.text)
    }

    pub(super) fn labels(&mut self) -> Result<&'a str, CodecError> {
        let text = self.text()?;
        match Labels::is_text(text) {
            true => Ok(text),
            false => Err(CodecError::Invalid("a label set")),
        }
    }

    pub(super) fn group(&mut self) -> Result<GroupKey, CodecError> {
        let text = self.text()?;
        if let Some(group) = self.group.as_ref().filter(|group| group.as_str() == text) {
            return Ok(group.clone());
        }
        let group = GroupKey::from_text(text).map_err(|_| CodecError::Invalid("a group"))?;
        Ok(self.group.insert(group).clone())
    }

    pub(super) fn text(&mut self) -> Result<&'a str, CodecError> {
        let length = usize::try_from(self.number()?).map_err(|_| CodecError::Short)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(CodecError::Short)?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| CodecError::Invalid("text that is not UTF-8"))
    }

    pub(super) fn value(&mut self) -> Result<f64, CodecError> {
        Ok(f64::from_bits(u64::from_le_bytes(self.array()?)))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(CodecError::Short)?;
        self.rest = rest;
        Ok(*array)
    }

    /// The next number, which need not be part of a write.
    pub(crate) fn number(&mut self) -> Result<u64, CodecError> {
        varint::take(&mut self.rest).ok_or(match self.rest {
            [] => CodecError::Short,
            _ => CodecError::Invalid("a number"),
        })
    }
}
