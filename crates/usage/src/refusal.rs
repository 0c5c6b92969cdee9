//! Why something was not admitted.

use std::time::Duration;

use crate::{Amount, Field, Limits, Subject};

/// Not admitted: there would be more than the limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject} may not use more {field} in this period: {used} of {limit} are used or reserved")]
pub struct Refusal {
    /// Whose limit.
    pub subject: Subject,
    /// Which one; the first, if there are several.
    pub field: Field,
    /// How much may be used.
    pub limit: u64,
    /// How much is used, as far as it is known, or reserved.
    pub used: u64,
    /// How long until the period's end, when it is worth trying again.
    pub retry_after: Duration,
    /// Why.
    pub reason: Reason,
}

/// Why something was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The limit is used up, or all that is left of it is held by others or for work under way.
    Limit,
    /// The shared ledger is lost, and without it nothing is admitted, or no more than was.
    Lost,
}

/// What is known of one subject in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How much it may use.
    pub limits: Limits,
    /// What this process has counted.
    pub own: Amount,
    /// What the others had counted when they were last heard of: other processes, and those that ran here before.
    pub others: Amount,
    /// What this process has admitted and not recorded yet.
    pub reserved: Amount,
}

impl Standing {
    /// What is used in all.
    pub fn used(&self) -> Amount {
        self.own.plus(self.others)
    }

    /// What is left of a limit; none if there is no limit.
    pub fn left(&self, field: Field) -> Option<u64> {
        let limit = self.limits.get(field)?;
        Some(
            limit
                .saturating_sub(self.used().get(field))
                .saturating_sub(self.reserved.get(field)),
        )
    }
}
