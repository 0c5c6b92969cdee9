//! What one writer counted of one subject in one period.

use crate::{Period, Subject, Totals, WriterId};

/// What one writer has counted of one subject in one period, since the writer began: the unit in which usage reaches a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Who counted.
    pub writer: WriterId,
    /// Whose use.
    pub subject: Subject,
    /// When.
    pub period: Period,
    /// How much, all of it, not what came since the last time.
    pub totals: Totals,
}
