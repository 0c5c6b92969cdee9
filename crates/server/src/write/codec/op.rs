//! An [`Op`] as bytes: its tag stands before the target, what it needs behind it.

use nexus_metric::Buckets;
use nexus_segments::varint;

use super::{
    super::{HistogramDelta, Op, Target},
    CodecError,
    reader::{Reader, put_value},
};

/// 6 to 9 are taken, see `change.rs`.
mod tag {
    pub(super) const ENSURE: u8 = 1;
    pub(super) const SET: u8 = 2;
    pub(super) const ADD: u8 = 3;
    pub(super) const OBSERVE: u8 = 4;
    pub(super) const MERGE: u8 = 5;
    pub(super) const ALL: [u8; 5] = [ENSURE, SET, ADD, OBSERVE, MERGE];
}

impl Op {
    /// The op with its target.
    pub(super) fn put(&self, out: &mut Vec<u8>, target: &Target<'_>) {
        let mut one_value = |tag: u8, value: f64| {
            target.put(out, tag);
            put_value(out, value);
        };
        match self {
            Op::Ensure => target.put(out, tag::ENSURE),
            Op::Set(value) => one_value(tag::SET, *value),
            Op::Add(delta) => one_value(tag::ADD, *delta),
            Op::Observe(value) => one_value(tag::OBSERVE, *value),
            Op::Merge(delta) => {
                one_value(tag::MERGE, delta.sum);
                varint::put(out, delta.counts.len() as u64);
                delta.counts.iter().for_each(|count| varint::put(out, *count));
            }
        }
    }
}

impl<'a> Reader<'a> {
    /// The target and the op of a change with this tag.
    pub(super) fn target_and_op(&mut self, tag: u8) -> Result<(Target<'a>, Op), CodecError> {
        if !tag::ALL.contains(&tag) {
            return Err(CodecError::UnknownChange(tag));
        }
        // Read in one place, so that it is made where it stays: changes are read by the million at a start.
        let target = self.target()?;
        let op = match tag {
            tag::ENSURE => Op::Ensure,
            tag::SET => Op::Set(self.value()?),
            tag::ADD => Op::Add(self.value()?),
            tag::OBSERVE => Op::Observe(self.value()?),
            tag::MERGE => Op::Merge(self.histogram_delta()?.into()),
            unknown => return Err(CodecError::UnknownChange(unknown)),
        };
        Ok((target, op))
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
}
