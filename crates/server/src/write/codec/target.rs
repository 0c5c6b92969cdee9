//! A [`Target`] as bytes: name, labels, flags, and what the flags say that follows.

use nexus_metric::{Buckets, Kind};
use nexus_segments::varint;

use super::{
    super::{Define, Definition, Expires, FamilyName, LabelText, Target},
    CodecError,
    reader::{Reader, put_text, put_value},
};

/// What may follow the labels.
mod flag {
    pub(super) const DEFINES: u8 = 1;
    pub(super) const HAS_KIND: u8 = 2;
    pub(super) const HAS_BUCKETS: u8 = 4;
    pub(super) const HAS_GROUP: u8 = 8;
    pub(super) const EXPIRES: u8 = 16;
    pub(super) const ALL: u8 = DEFINES | HAS_KIND | HAS_BUCKETS | HAS_GROUP | EXPIRES;
}

/// How a kind stands in the journal.
pub(super) const KINDS: [Kind; 8] = [
    Kind::Gauge,
    Kind::Counter,
    Kind::Histogram,
    Kind::Summary,
    Kind::Untyped,
    Kind::Info,
    Kind::StateSet,
    Kind::GaugeHistogram,
];

impl Target<'_> {
    /// The target behind a tag.
    pub(super) fn put(&self, out: &mut Vec<u8>, tag: u8) {
        out.push(tag);
        put_text(out, self.family.as_str());
        put_text(out, self.labels.as_str());
        let group = if self.group.is_some() { flag::HAS_GROUP } else { 0 };
        let expires = if self.expires.is_some() { flag::EXPIRES } else { 0 };
        match &self.define {
            Define::Nothing => out.push(group | expires),
            Define::Given(definition) => put_definition(out, definition, group | expires),
            Define::Recorded(bytes) => out.extend_from_slice(bytes),
        }
        if let Some(group) = &self.group {
            put_text(out, group.as_str());
        }
        if let Some(expires) = self.expires {
            varint::put(out, expires.ms().unwrap_or(0));
        }
    }
}

fn put_definition(out: &mut Vec<u8>, definition: &Definition, more_flags: u8) {
    let has_kind = if definition.kind.is_some() { flag::HAS_KIND } else { 0 };
    let has_buckets = if definition.buckets.is_some() {
        flag::HAS_BUCKETS
    } else {
        0
    };
    out.push(flag::DEFINES | has_kind | has_buckets | more_flags);
    if let Some(kind) = definition.kind {
        out.push(kind as u8);
    }
    put_text(out, &definition.help);
    put_text(out, &definition.unit);
    if let Some(buckets) = &definition.buckets {
        varint::put(out, buckets.bounds().len() as u64);
        buckets.bounds().iter().for_each(|bound| put_value(out, *bound));
    }
}

/// What stands behind a target's labels, if something does.
struct RecordedDefinition<'a> {
    kind: Option<Kind>,
    help: &'a str,
    unit: &'a str,
    buckets: Option<Buckets>,
}

/// A definition as it stands behind a target's labels, from the flags on.
pub(in super::super) fn definition(bytes: &[u8]) -> Result<Definition, CodecError> {
    let RecordedDefinition {
        kind,
        help,
        unit,
        buckets,
    } = Reader::new(bytes).definition()?;
    Ok(Definition {
        kind,
        help: help.into(),
        unit: unit.into(),
        buckets,
    })
}

impl<'a> Reader<'a> {
    pub(super) fn target(&mut self) -> Result<Target<'a>, CodecError> {
        let family = FamilyName::Borrowed(self.name()?);
        let labels = LabelText::Borrowed(self.labels()?);
        let flags = self.peek()?;
        let define = match flags & flag::DEFINES {
            0 => {
                self.flags(flag::ALL, "a series")?;
                Define::Nothing
            }
            _ => Define::Recorded(self.definition_bytes()?),
        };
        let group = match flags & flag::HAS_GROUP {
            0 => None,
            _ => Some(self.group()?),
        };
        let expires = match flags & flag::EXPIRES {
            0 => None,
            _ => Some(Expires::after_ms(self.number()?)),
        };
        Ok(Target {
            family,
            labels,
            define,
            group,
            expires,
        })
    }

    fn definition_bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let mark = self.mark();
        if !self.eat(self.definition) {
            self.definition()?;
            self.definition = self.since(mark);
        }
        Ok(self.definition)
    }

    fn definition(&mut self) -> Result<RecordedDefinition<'a>, CodecError> {
        let flags = self.flags(flag::ALL, "a series")?;
        let kind = match flags & flag::HAS_KIND {
            0 => None,
            _ => Some(
                *KINDS
                    .get(usize::from(self.byte()?))
                    .ok_or(CodecError::Invalid("a kind"))?,
            ),
        };
        let (help, unit) = (self.text()?, self.text()?);
        let buckets = match flags & flag::HAS_BUCKETS {
            0 => None,
            _ => Some(self.buckets()?),
        };
        Ok(RecordedDefinition {
            kind,
            help,
            unit,
            buckets,
        })
    }

    fn buckets(&mut self) -> Result<Buckets, CodecError> {
        let count = self.number()?;
        if count > Buckets::BOUNDS_MAX as u64 {
            return Err(CodecError::Invalid("a number of buckets"));
        }
        let bounds = (0..count).map(|_| self.value()).collect::<Result<Vec<_>, _>>()?;
        Buckets::new(&bounds).map_err(|_| CodecError::Invalid("a list of bucket bounds"))
    }
}
