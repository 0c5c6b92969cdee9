//! How the counting is doing.

use crate::{Cell, Time};

/// How the counting is doing, for metrics. Counts are of this process, from its start on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Whether there is a shared ledger and it is lost: what others use is not seen.
    pub is_lost: bool,
    /// How often it was lost.
    pub losses: u64,
    /// Pushes that were answered.
    pub pushes: u64,
    /// Pushes and questions that failed.
    pub push_failures: u64,
    /// Cells that the shared ledger does not want any more, since their periods are closed.
    pub closed_cells: u64,
    /// How often the shared ledger was found to have lost what it held, and was told it again.
    pub wipes_healed: u64,
    /// Checkpoints that were made.
    pub checkpoints: u64,
    /// Checkpoints that failed; what they were to keep is tried again.
    pub checkpoint_failures: u64,
    /// Events whose time is more than a year before the process began or four years after; they were counted in the nearest
    /// period that can be.
    pub misdated: u64,
    /// For each process before this one that ended without its last checkpoint: when it had made the last that there is. What it
    /// counted later than that, at most one checkpoint interval before it died, is lost.
    pub crashed: Vec<Time>,
}

/// What became of a close.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closed {
    /// What the shared ledger does not know of. If there are checkpoints and they worked, the next process pushes it; otherwise
    /// it is known from here only.
    pub unpushed: Vec<Cell>,
    /// Whether the last checkpoint failed.
    pub checkpoint_failed: bool,
}
