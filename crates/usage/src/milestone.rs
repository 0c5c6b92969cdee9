//! So much of a limit is used up.

use crate::{Field, Period, Subject};

/// So much of a limit is used up, for the first time in this period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Milestone {
    /// A half.
    Half,
    /// Four fifths.
    FourFifths,
    /// All of it.
    All,
}

impl Milestone {
    /// In the order in which they are reached.
    pub const ALL: [Milestone; 3] = [Milestone::Half, Milestone::FourFifths, Milestone::All];

    /// In percent of the limit.
    pub const fn percent(self) -> u8 {
        match self {
            Milestone::Half => 50,
            Milestone::FourFifths => 80,
            Milestone::All => 100,
        }
    }

    /// Whether this use of this limit has reached it.
    pub fn is_reached(self, used: u64, limit: u64) -> bool {
        u128::from(used) * 100 >= u128::from(limit) * u128::from(self.percent())
    }
}

/// A milestone was reached: told once per subject, period and field, also over restarts if there are checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Whose limit.
    pub subject: Subject,
    /// When.
    pub period: Period,
    /// Of what.
    pub field: Field,
    /// How much of the limit.
    pub milestone: Milestone,
    /// What was used when it was noticed.
    pub used: u64,
    /// What may be used.
    pub limit: u64,
}
