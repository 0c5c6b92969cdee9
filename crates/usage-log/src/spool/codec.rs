//! A record in few bytes: its dimensions by number, defined where they are first used in a segment; its time as the
//! distance from the one before it in the frame.

use std::{collections::HashMap, str, sync::Arc};

use nexus_segments::varint::{put, put_signed, take, take_signed};

use crate::{Amounts, Dimensions, Labels, Outcome, Record, Time};

/// The numbers that stand for dimensions in a segment, for the end that writes.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    known: HashMap<Dimensions, u64, foldhash::fast::RandomState>,
}

impl Encoder {
    /// How many dimensions the segment has defined.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn put_all<'a>(&mut self, into: &mut Vec<u8>, records: impl IntoIterator<Item = &'a Record>) {
        let mut before = 0;
        for record in records {
            self.put_dimensions(into, &record.dimensions);
            put_signed(into, record.ended_at.nanos().wrapping_sub(before));
            before = record.ended_at.nanos();
            let amounts = &record.amounts;
            put(into, amounts.calls);
            put(into, amounts.bytes_in);
            put(into, amounts.bytes_out);
            put(into, amounts.body_bytes_in);
            put(into, amounts.body_bytes);
            put(into, amounts.duration_ns);
        }
    }

    fn put_dimensions(&mut self, into: &mut Vec<u8>, dimensions: &Dimensions) {
        if let Some(number) = self.known.get(dimensions) {
            return put(into, *number);
        }
        let number = self.known.len() as u64;
        put(into, number);
        dimensions.texts().into_iter().for_each(|text| put_text(into, text));
        put(into, u64::from(dimensions.status));
        put_text(into, dimensions.outcome.name());
        put(into, dimensions.labels.len() as u64);
        for (name, value) in dimensions.labels.iter() {
            put_text(into, name);
            put_text(into, value);
        }
        self.known.insert(dimensions.clone(), number);
    }
}

fn put_text(into: &mut Vec<u8>, text: &str) {
    put(into, text.len() as u64);
    into.extend_from_slice(text.as_bytes());
}

/// The dimensions that numbers stand for in a segment, for the end that reads.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    known: Vec<Dimensions>,
}

impl Decoder {
    /// Takes `count` records. None if the bytes are not what an [`Encoder`] writes.
    pub(super) fn take_all(&mut self, mut from: &[u8], count: u32) -> Option<Vec<Record>> {
        let from = &mut from;
        let mut before = 0_i64;
        // Each record has at least eight bytes: a wrong count cannot ask for much memory.
        let mut records = Vec::with_capacity((from.len() / 8).min(count as usize));
        for _ in 0..count {
            let dimensions = self.take_dimensions(from)?;
            before = before.wrapping_add(take_signed(from)?);
            let amounts = Amounts {
                calls: take(from)?,
                bytes_in: take(from)?,
                bytes_out: take(from)?,
                body_bytes_in: take(from)?,
                body_bytes: take(from)?,
                duration_ns: take(from)?,
            };
            records.push(Record {
                ended_at: Time::from_nanos(before),
                dimensions,
                amounts,
            });
        }
        from.is_empty().then_some(records)
    }

    fn take_dimensions(&mut self, from: &mut &[u8]) -> Option<Dimensions> {
        let number = usize::try_from(take(from)?).ok()?;
        if number < self.known.len() {
            return self.known.get(number).cloned();
        }
        let dimensions = Dimensions {
            key: take_text(from)?,
            tenant: take_text(from)?,
            service: take_text(from)?,
            route: take_text(from)?,
            client: take_text(from)?,
            method: take_text(from)?,
            source: take_text(from)?,
            status: u16::try_from(take(from)?).ok()?,
            outcome: take_text(from)?.parse::<Outcome>().ok()?,
            labels: take_labels(from)?,
        };
        self.known.push(dimensions.clone());
        (number + 1 == self.known.len()).then_some(dimensions)
    }
}

fn take_labels(from: &mut &[u8]) -> Option<Labels> {
    let count = take(from)?;
    let pairs = (0..count).map(|_| Some((take_text(from)?, take_text(from)?)));
    pairs.collect::<Option<Vec<_>>>().map(Labels::new)
}

fn take_text(from: &mut &[u8]) -> Option<Arc<str>> {
    let length = usize::try_from(take(from)?).ok()?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    str::from_utf8(text).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records() -> impl Strategy<Value = Vec<Record>> {
        let text = || proptest::sample::select(vec!["", "a", "acme", "größe", "x".repeat(300).leak()]);
        let dimensions = (text(), text(), text(), any::<u16>(), 0..4_usize, text());
        let record = (dimensions, any::<i64>(), any::<[u64; 6]>());
        proptest::collection::vec(record, 0..50).prop_map(|rows| {
            rows.into_iter()
                .map(
                    |((key, service, client, status, outcome, label), ended_at, [a, b, c, d, e, f])| Record {
                        ended_at: Time::from_nanos(ended_at),
                        dimensions: Dimensions {
                            key: key.into(),
                            service: service.into(),
                            client: client.into(),
                            status,
                            outcome: Outcome::ALL[outcome],
                            labels: Labels::new([("label", label)]),
                            ..Dimensions::default()
                        },
                        amounts: Amounts {
                            calls: a,
                            bytes_in: b,
                            bytes_out: c,
                            body_bytes_in: d,
                            body_bytes: e,
                            duration_ns: f,
                        },
                    },
                )
                .collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(first in records(), second in records()) {
            let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
            for records in [first, second] {
                let mut bytes = Vec::new();
                encoder.put_all(&mut bytes, &records);
                let count = u32::try_from(records.len()).unwrap();
                prop_assert_eq!(decoder.take_all(&bytes, count), Some(records));
            }
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in any::<u32>()) {
            let _ = Decoder::default().take_all(&bytes, count);
        }
    }
}
