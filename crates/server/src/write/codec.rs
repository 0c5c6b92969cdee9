//! A write as bytes, as it stands in the journal; `state/README.md` has the layout.
//!
//! Numbers are LEB128 varints, values IEEE 754 doubles in little-endian order, texts a length and UTF-8 bytes.
//! The bytes know nothing of sequences or time: those belong to the frame, so that a request's own task can encode.

use std::borrow::Cow;

use nexus_metric::{Buckets, Kind, Labels};
use nexus_segments::varint;

use super::{
    Change, Definition, HistogramDelta, Idempotency, Target, Write,
    view::{Amount, ChangeView, DefineView, TargetView},
};

/// Why bytes are not a write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("the record ends too early")]
    Short,
    #[error("{0} is not valid there")]
    Invalid(&'static str),
    #[error("change type {0} is unknown: the journal was written by a newer version")]
    UnknownChange(u8),
}

/// The change types. 8 (`replace-group`) and 9 (`expire`) are kept for the push protocols.
mod tag {
    pub(super) const CREATE: u8 = 1;
    pub(super) const SET: u8 = 2;
    pub(super) const ADD: u8 = 3;
    pub(super) const OBSERVE: u8 = 4;
    pub(super) const MERGE: u8 = 5;
    pub(super) const DELETE: u8 = 6;
    pub(super) const DELETE_MATCHING: u8 = 7;
}

/// What may follow the owner's name in a write, and the labels in a target.
mod flag {
    pub(super) const IDEMPOTENT: u8 = 1;
    pub(super) const DEFINES: u8 = 1;
    pub(super) const HAS_KIND: u8 = 2;
    pub(super) const HAS_BUCKETS: u8 = 4;
}

/// How a kind stands in the journal.
const KINDS: [Kind; 8] = [
    Kind::Gauge,
    Kind::Counter,
    Kind::Histogram,
    Kind::Summary,
    Kind::Untyped,
    Kind::Info,
    Kind::StateSet,
    Kind::GaugeHistogram,
];

impl Write {
    /// The write as a journal record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + 64 * self.changes.len());
        put_text(&mut out, &self.owner);
        match &self.idempotency {
            None => out.push(0),
            Some(idempotency) => {
                out.push(flag::IDEMPOTENT);
                out.extend_from_slice(&idempotency.id);
                out.extend_from_slice(&idempotency.fingerprint);
            }
        }
        varint::put(&mut out, self.changes.len() as u64);
        for change in &self.changes {
            put_change(&mut out, change);
        }
        out
    }
}

fn put_change(out: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Create { target } => put_target(out, tag::CREATE, target),
        Change::Set { target, value } => {
            put_target(out, tag::SET, target);
            put_value(out, *value);
        }
        Change::Add { target, delta } => {
            put_target(out, tag::ADD, target);
            put_value(out, *delta);
        }
        Change::Observe { target, value } => {
            put_target(out, tag::OBSERVE, target);
            put_value(out, *value);
        }
        Change::Merge { target, delta } => {
            put_target(out, tag::MERGE, target);
            put_value(out, delta.sum);
            varint::put(out, delta.counts.len() as u64);
            delta.counts.iter().for_each(|count| varint::put(out, *count));
        }
        Change::Delete { family, labels } => {
            out.push(tag::DELETE);
            put_text(out, family.as_str());
            out.push(u8::from(labels.is_some()));
            put_text(out, labels.as_ref().map_or("", Labels::as_text));
        }
        Change::DeleteMatching { selector, prefix } => {
            out.push(tag::DELETE_MATCHING);
            put_text(out, selector.as_str());
            put_text(out, prefix);
        }
    }
}

fn put_target(out: &mut Vec<u8>, tag: u8, target: &Target) {
    out.push(tag);
    put_text(out, target.family.as_str());
    put_text(out, target.labels.as_text());
    let Some(definition) = target.define.as_deref() else {
        out.push(0);
        return;
    };
    let has_kind = if definition.kind.is_some() { flag::HAS_KIND } else { 0 };
    let has_buckets = if definition.buckets.is_some() {
        flag::HAS_BUCKETS
    } else {
        0
    };
    out.push(flag::DEFINES | has_kind | has_buckets);
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

fn put_text(out: &mut Vec<u8>, text: &str) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_value(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Reads journal records one after the other. Nothing is allocated but what few changes need: all texts are borrowed.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The name and the definition of the change before: the next one mostly has the same bytes there, which need not be read
    /// again.
    name: Name<'a>,
    definition: &'a [u8],
}

/// A name with the bytes that say it, length included.
#[derive(Debug, Clone, Copy, Default)]
struct Name<'a> {
    bytes: &'a [u8],
    text: &'a str,
}

/// What stands behind a target's labels, if something does.
struct RecordedDefinition<'a> {
    kind: Option<Kind>,
    help: &'a str,
    unit: &'a str,
    buckets: Option<Buckets>,
}

/// A write as it stands in the journal. It was read once: reading its changes cannot fail.
#[derive(Debug, Clone)]
pub(crate) struct RecordedWrite<'a> {
    pub(crate) owner: &'a str,
    pub(crate) idempotency: Option<Idempotency>,
    count: u64,
    changes: &'a [u8],
}

impl<'a> RecordedWrite<'a> {
    /// How many changes it has.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// Its changes, in order.
    pub(crate) fn changes(&self) -> impl Iterator<Item = ChangeView<'a>> + use<'a> {
        let mut reader = Reader::new(self.changes);
        (0..self.count).map_while(move |_| reader.change(Trust::ReadBefore).ok())
    }
}

/// Whether bytes may be anything, or were read once without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Unread,
    ReadBefore,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader {
            rest: bytes,
            name: Name::default(),
            definition: &[],
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        let (byte, rest) = self.rest.split_first().ok_or(CodecError::Short)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// The next write.
    pub(crate) fn write(&mut self) -> Result<RecordedWrite<'a>, CodecError> {
        let owner = self.text()?;
        let idempotency = match self.byte()? {
            0 => None,
            flag::IDEMPOTENT => Some(Idempotency {
                id: self.array()?,
                fingerprint: self.array()?,
            }),
            _ => return Err(CodecError::Invalid("a write's flag")),
        };
        let count = self.number()?;
        // The shortest change takes four bytes, so a count beyond that is damage.
        if count > self.rest.len() as u64 {
            return Err(CodecError::Short);
        }
        let before = self.rest;
        for _ in 0..count {
            self.change(Trust::Unread)?;
        }
        Ok(RecordedWrite {
            owner,
            idempotency,
            count,
            changes: self.read_since(before),
        })
    }

    fn change(&mut self, trust: Trust) -> Result<ChangeView<'a>, CodecError> {
        let tag = self.byte()?;
        Ok(match tag {
            tag::CREATE => ChangeView::Series(self.target(trust)?, Amount::Nothing),
            tag::SET => ChangeView::Series(self.target(trust)?, Amount::Set(self.value()?)),
            tag::ADD => ChangeView::Series(self.target(trust)?, Amount::Add(self.value()?)),
            tag::OBSERVE => ChangeView::Series(self.target(trust)?, Amount::Observe(self.value()?)),
            tag::MERGE => {
                let target = self.target(trust)?;
                ChangeView::Series(target, Amount::Merge(Cow::Owned(self.histogram_delta()?)))
            }
            tag::DELETE => {
                let family = self.name()?;
                let exact = self.byte()? == 1;
                let labels = self.labels(trust)?;
                ChangeView::Delete {
                    family,
                    labels: exact.then_some(labels),
                }
            }
            tag::DELETE_MATCHING => ChangeView::DeleteMatching {
                selector: Cow::Owned(self.text()?.parse().map_err(|_| CodecError::Invalid("a selector"))?),
                prefix: self.text()?,
            },
            unknown => return Err(CodecError::UnknownChange(unknown)),
        })
    }

    fn target(&mut self, trust: Trust) -> Result<TargetView<'a>, CodecError> {
        let (family, labels) = (self.name()?, self.labels(trust)?);
        let define = match self.rest.first() {
            Some(flags) if flags & flag::DEFINES == 0 => {
                self.byte()?;
                DefineView::Nothing
            }
            _ => DefineView::Recorded(self.definition_bytes()?),
        };
        Ok(TargetView { family, labels, define })
    }

    fn definition_bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let before = self.rest;
        match before.strip_prefix(self.definition) {
            Some(rest) if !self.definition.is_empty() => self.rest = rest,
            _ => {
                self.definition()?;
                self.definition = self.read_since(before);
            }
        }
        Ok(self.definition)
    }

    /// What was read since `before` was all that was left.
    fn read_since(&self, before: &'a [u8]) -> &'a [u8] {
        let length = before.len().saturating_sub(self.rest.len());
        before.get(..length).unwrap_or_default()
    }

    fn definition(&mut self) -> Result<RecordedDefinition<'a>, CodecError> {
        let flags = self.byte()?;
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

    fn histogram_delta(&mut self) -> Result<HistogramDelta, CodecError> {
        let sum = self.value()?;
        let count = self.number()?;
        if count > Buckets::BOUNDS_MAX as u64 + 1 {
            return Err(CodecError::Invalid("a number of buckets"));
        }
        let counts = (0..count).map(|_| self.number()).collect::<Result<_, _>>()?;
        Ok(HistogramDelta { counts, sum })
    }

    fn name(&mut self) -> Result<&'a str, CodecError> {
        let before = self.rest;
        match before.strip_prefix(self.name.bytes) {
            Some(rest) if !self.name.bytes.is_empty() => self.rest = rest,
            _ => {
                let text = self.text()?;
                if text.is_empty() {
                    return Err(CodecError::Invalid("a name"));
                }
                let bytes = self.read_since(before);
                self.name = Name { bytes, text };
            }
        }
        Ok(self.name.text)
    }

    fn labels(&mut self, trust: Trust) -> Result<&'a str, CodecError> {
        let text = self.text()?;
        match trust {
            Trust::Unread if !Labels::is_text(text) => Err(CodecError::Invalid("a label set")),
            Trust::Unread | Trust::ReadBefore => Ok(text),
        }
    }

    fn text(&mut self) -> Result<&'a str, CodecError> {
        let length = usize::try_from(self.number()?).map_err(|_| CodecError::Short)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(CodecError::Short)?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| CodecError::Invalid("text that is not UTF-8"))
    }

    fn value(&mut self) -> Result<f64, CodecError> {
        Ok(f64::from_bits(u64::from_le_bytes(self.array()?)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
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

/// A definition as it stands behind a target's labels.
pub(super) fn definition(bytes: &[u8]) -> Result<Definition, CodecError> {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nexus_metric::Name;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn labels() -> impl Strategy<Value = Labels> {
        vec(("[a-z.]{1,4}", "\\PC{0,6}|[\"\\\\\n]{0,3}"), 0..4)
            .prop_filter_map("a name twice", |pairs| Labels::from_pairs(pairs).ok())
    }

    fn definition() -> impl Strategy<Value = Option<Arc<Definition>>> {
        let kind = proptest::option::of(proptest::sample::select(KINDS.to_vec()));
        let buckets = proptest::option::of(vec(-1e9..1e9f64, 0..5).prop_filter_map("not rising", |mut bounds| {
            bounds.sort_by(f64::total_cmp);
            Buckets::new(&bounds).ok()
        }));
        proptest::option::of(
            (kind, "\\PC{0,9}", "[a-z]{0,5}", buckets).prop_map(|(kind, help, unit, buckets)| {
                Arc::new(Definition {
                    kind,
                    help: help.into(),
                    unit: unit.into(),
                    buckets,
                })
            }),
        )
    }

    fn change() -> impl Strategy<Value = Change> {
        let target = ("[a-z_:.é]{1,9}", labels(), definition()).prop_map(|(name, labels, define)| Target {
            family: Name::new(&name).unwrap(),
            labels,
            define,
        });
        (
            target,
            any::<f64>().prop_filter("NaN is not equal to itself", |value| !value.is_nan()),
            vec(any::<u64>(), 0..5),
            0..8u8,
        )
            .prop_map(|(target, value, counts, which)| match which {
                0 => Change::Create { target },
                1 => Change::Set { target, value },
                2 => Change::Add { target, delta: value },
                3 => Change::Observe { target, value },
                4 => Change::Merge {
                    target,
                    delta: HistogramDelta {
                        counts: counts.into(),
                        sum: value,
                    },
                },
                5 => Change::Delete {
                    family: target.family,
                    labels: None,
                },
                6 => Change::Delete {
                    family: target.family,
                    labels: Some(target.labels),
                },
                _ => Change::DeleteMatching {
                    selector: "a{b=~\"c.*\"}".parse().unwrap(),
                    prefix: "team_".into(),
                },
            })
    }

    proptest! {
        #[test]
        fn a_write_reads_back_as_it_was(changes in vec(change(), 0..6), id in proptest::option::of(any::<([u8; 16], [u8; 8])>())) {
            let idempotency = id.map(|(id, fingerprint)| Idempotency { id, fingerprint });
            let write = Write { owner: "key".into(), idempotency, changes };
            let bytes = write.encode();
            let mut reader = Reader::new(&bytes);
            let read = reader.write().unwrap().write().unwrap();
            prop_assert!(reader.is_at_end());
            prop_assert_eq!((read.owner, read.idempotency, read.changes), (write.owner, write.idempotency, write.changes));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
            let _ = Reader::new(&bytes).write();
        }

        #[test]
        fn a_cut_write_is_an_error(changes in vec(change(), 1..4), cut in any::<prop::sample::Index>()) {
            let bytes = Write { owner: "key".into(), idempotency: None, changes }.encode();
            let cut = cut.index(bytes.len());
            prop_assert!(Reader::new(&bytes[..cut]).write().is_err());
        }
    }

    #[test]
    fn kinds_stand_in_the_journal_by_their_place() {
        for (place, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
