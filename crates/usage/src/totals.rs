//! What one writer has counted since it began.

use crate::{Amount, Field};

/// What one writer has counted since it began, of one subject in one period.
///
/// Two amounts that only ever grow, so that of two readings the larger is the later one, field by field, and a repeat changes
/// nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Totals {
    /// What was added.
    pub added: Amount,
    /// What was taken back.
    pub taken: Amount,
}

impl Totals {
    /// Nothing yet.
    pub const ZERO: Totals = Totals {
        added: Amount::ZERO,
        taken: Amount::ZERO,
    };

    /// The most that one writer's total of one field holds: 2^53 - 1 (9.0 PB). Every ledger compares totals exactly up to
    /// here; Redis compares in doubles, which are exact up to here and no further. A total that would exceed it stays at it.
    pub const VALUE_MAX: u64 = (1 << 53) - 1;

    /// These amounts added, nothing taken back.
    pub const fn added(added: Amount) -> Self {
        Totals {
            added,
            taken: Amount::ZERO,
        }
    }

    /// Added less taken back; below zero if more was taken back than added.
    pub fn net(&self, field: Field) -> i64 {
        let (added, taken) = (i128::from(self.added.get(field)), i128::from(self.taken.get(field)));
        let net = added - taken;
        i64::try_from(net).unwrap_or(if net < 0 { i64::MIN } else { i64::MAX })
    }

    /// Added less taken back, where below zero counts as zero. This is what limits look at.
    pub fn used(&self) -> Amount {
        self.added.minus(self.taken)
    }

    /// The later of two readings of one writer's totals.
    #[must_use]
    pub fn max(self, other: Totals) -> Totals {
        Totals {
            added: self.added.max(other.added),
            taken: self.taken.max(other.taken),
        }
    }

    /// The totals of two writers together, saturating.
    #[must_use]
    pub fn plus(self, other: Totals) -> Totals {
        Totals {
            added: self.added.plus(other.added),
            taken: self.taken.plus(other.taken),
        }
    }

    /// What was counted since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Totals) -> Totals {
        Totals {
            added: self.added.minus(earlier.added),
            taken: self.taken.minus(earlier.taken),
        }
    }
}
