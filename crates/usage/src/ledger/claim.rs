//! Claims on what is left of a limit, and leases of it.

use std::time::Duration;

use crate::{Amount, Cell, Field, Limits, Time};

/// What a writer asks to be held for it.
///
/// Claims count up like totals: `up_to` is all that the writer wants to have used by then in this period, not what it wants more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What the writer has used so far; it is merged before the claim is looked at.
    pub cell: Cell,
    /// How far it wants to go, in each field. No more than the cell's use is no claim.
    pub up_to: Amount,
    /// What all writers together may use.
    pub limits: Limits,
    /// What time the writer believes it is. A ledger with a clock of its own goes by that one.
    pub at: Time,
    /// How long the claim is valid. The writer must not use what it has claimed after that, counted from before it asked.
    pub valid_for: Duration,
}

/// What is held for a writer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lease {
    /// The writer may have used this much of each field in this period while the claim is valid. A field without a limit is
    /// granted as asked; one whose limit the others have used up stands at what the writer has used already, or had been
    /// granted before.
    pub up_to: Amount,
    /// What nobody holds after this grant; [`u64::MAX`] for a field without a limit.
    pub left: Amount,
    /// What the others hold.
    pub others: Amount,
}

/// The answer to a question for admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// All of it is held for the writer.
    Admitted(Lease),
    /// There is not enough left of this field; nothing was claimed.
    Refused(Field),
}

/// What one writer holds of one subject in one period, as a ledger without a language of its own keeps it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) used: Amount,
    pub(super) claimed: Amount,
    pub(super) valid_until: Time,
}

impl Held {
    /// The larger of use and valid claim.
    pub(super) fn at(&self, now: Time) -> Amount {
        if now < self.valid_until {
            self.used.max(self.claimed)
        } else {
            self.used
        }
    }
}

impl Claim {
    /// What the writer would hold, given what it holds and what the others hold together.
    pub(super) fn granted(&self, own: Amount, others: Amount) -> Lease {
        let free = |field| {
            self.limits
                .get(field)
                .map_or(u64::MAX, |limit| limit.saturating_sub(others.get(field)))
        };
        let up_to = Amount::from_fn(|field| own.get(field).max(self.up_to.get(field).min(free(field))));
        let left = Amount::from_fn(|field| match self.limits.get(field) {
            Some(_) => free(field).saturating_sub(up_to.get(field)),
            None => u64::MAX,
        });
        Lease { up_to, left, others }
    }

    /// The first field in which this grant is not all that was asked for.
    pub(super) fn lacks(&self, lease: &Lease) -> Option<Field> {
        Field::ALL
            .into_iter()
            .find(|&field| lease.up_to.get(field) < self.up_to.get(field))
    }
}
