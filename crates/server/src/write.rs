//! The central noun: a [`Write`] is the only way in which the state changes.
//!
//! Adapters (REST, batch, the library) make writes; the [store](crate::store) journals, applies and answers them.

mod change;
mod codec;
mod group;
mod op;
mod outcome;
mod refusal;
mod target;
mod text;
mod validate;

use std::sync::Arc;

pub(crate) use change::Change;
pub(crate) use codec::{CodecError, Reader, RecordedWrite};
pub(crate) use group::GroupKey;
pub(crate) use op::{HistogramDelta, Op};
pub(crate) use outcome::{Applied, Outcome, Unavailable};
pub(crate) use refusal::{Reason, Refusal, Refusals};
pub(crate) use target::{Define, Definition, Expires, Target};
pub(crate) use text::{FamilyName, LabelText};
pub(crate) use validate::RequestLimits;

/// A list of changes that reach the state together: one journal record, one sync, one idempotency entry.
#[derive(Debug, Clone)]
pub(crate) struct Write<'a> {
    /// The name of the API key on whose behalf it happens; it owns the series that come into being.
    pub(crate) owner: Arc<str>,
    /// Which sort of client it came from.
    pub(crate) origin: Origin,
    /// What becomes of the good changes if some are refused.
    pub(crate) mode: Mode,
    /// What makes a repeat of this write harmless, if the client gave a key for that.
    pub(crate) idempotency: Option<Idempotency>,
    /// The changes, in order. Each sees what the ones before it did.
    pub(crate) changes: Vec<Change<'a>>,
    /// Under [`Mode::Each`], what was refused on the way here and is not among the changes any more.
    pub(crate) refused: Refusals,
}

/// What becomes of the good changes of a write if some are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// Nothing happens then.
    #[default]
    All,
    /// They happen, and the others are named. If all are refused, nothing happened: the idempotency key stays unused.
    Each,
}

/// Which sort of client a write came from. It stands in the journal, so that the meaning of a repeated value is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Origin {
    /// A client that changes series one by one: REST, batch, the library.
    #[default]
    Direct,
    /// A push that stands for a whole group of series.
    Group,
    /// Values that are summed over those who send them.
    Sum,
    /// Values that were counted elsewhere and are shown as they are.
    Mirror,
}

impl Origin {
    /// All of them, by their place in the journal.
    pub(crate) const ALL: [Origin; 4] = [Origin::Direct, Origin::Group, Origin::Sum, Origin::Mirror];
}

/// Identifies a request, so that its repeat can be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Idempotency {
    /// Digest of the API key's name and the client's key.
    pub(crate) id: [u8; 16],
    /// Digest of method, raw path and query, and body.
    pub(crate) fingerprint: [u8; 8],
}

impl<'a> Write<'a> {
    /// A write that happens whole or not at all, without an idempotency key.
    pub(crate) fn of(owner: impl Into<Arc<str>>, changes: Vec<Change<'a>>) -> Self {
        Write {
            owner: owner.into(),
            origin: Origin::default(),
            mode: Mode::default(),
            idempotency: None,
            changes,
            refused: Refusals::default(),
        }
    }

    /// How many changes the client sent.
    pub(crate) fn sent(&self) -> u64 {
        (self.changes.len() + self.refused.len()) as u64
    }

    /// Takes refused changes out of a write whose other changes may happen. The refusals count places among the changes that
    /// are still there; they are kept by the places that the client knows.
    pub(crate) fn refuse(&mut self, refusals: Refusals) {
        refusals.take_out_of(&mut self.changes);
        self.refused.add_of_the_rest(refusals);
    }
}
