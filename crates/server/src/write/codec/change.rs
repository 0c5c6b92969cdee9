//! One change as bytes: a tag, and what the tag needs.

use std::borrow::Cow;

use nexus_segments::varint;

use super::{
    super::{Change, FamilyName, LabelText},
    CodecError,
    reader::{Reader, put_text},
};

/// The tags of changes that are not about one series' value; those of the others are in `op.rs`. 8 is kept for
/// `replace-group`, which comes with the push protocols.
mod tag {
    pub(super) const DELETE: u8 = 6;
    pub(super) const DELETE_MATCHING: u8 = 7;
    pub(super) const EXPIRE: u8 = 9;
}

impl Change<'_> {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Change::Series(target, op) => op.put(out, target),
            Change::Delete { family, labels } => {
                out.push(tag::DELETE);
                put_text(out, family.as_str());
                out.push(u8::from(labels.is_some()));
                put_text(out, labels.as_ref().map_or("", LabelText::as_str));
            }
            Change::DeleteMatching { selector, prefix } => {
                out.push(tag::DELETE_MATCHING);
                put_text(out, selector.as_str());
                put_text(out, prefix);
            }
            Change::Expire {
                family,
                labels,
                sequence,
            } => {
                out.push(tag::EXPIRE);
                put_text(out, family.as_str());
                put_text(out, labels.as_str());
                varint::put(out, *sequence);
            }
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn change(&mut self) -> Result<Change<'a>, CodecError> {
        let tag = self.byte()?;
        Ok(match tag {
            tag::DELETE => {
                let family = FamilyName::Borrowed(self.name()?);
                let exact = self.byte()? == 1;
                let labels = LabelText::Borrowed(self.labels()?);
                Change::Delete {
                    family,
                    labels: exact.then_some(labels),
                }
            }
            tag::DELETE_MATCHING => Change::DeleteMatching {
                selector: self.text()?.parse().map_err(|_| CodecError::Invalid("a selector"))?,
                prefix: Cow::Borrowed(self.text()?),
            },
            tag::EXPIRE => Change::Expire {
                family: FamilyName::Borrowed(self.name()?),
                labels: LabelText::Borrowed(self.labels()?),
                sequence: self.number()?,
            },
            op => {
                let (target, op) = self.target_and_op(op)?;
                Change::Series(target, op)
            }
        })
    }
}
