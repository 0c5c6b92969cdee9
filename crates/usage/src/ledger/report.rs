//! What a ledger answers.

use crate::{Period, Subject, Totals};

/// What became of a push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pushed {
    /// So many of the cells belong to a period that the ledger does not keep, or has closed; they changed nothing, and will
    /// not when they are pushed again.
    pub closed: u64,
}

/// What the ledger knows of one subject in one period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Over all writers.
    pub all: Totals,
    /// What of it the writer who asked has pushed.
    pub own: Totals,
}

impl Sum {
    /// What all the others have counted.
    pub fn others(&self) -> Totals {
        self.all.since(self.own)
    }
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When.
    pub period: Period,
    /// Whose use.
    pub subject: Subject,
    /// How much, over all writers.
    pub totals: Totals,
}
