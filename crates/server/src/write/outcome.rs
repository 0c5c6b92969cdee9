//! What became of a write.

use super::Refusal;

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// It happened, and is as durable as the hub's [durability](crate::config::Durability) promises; but for these of its
    /// changes, at most [`Refusal::LIST_MAX`] of them, if it may happen in part.
    Applied(Applied, Vec<Refusal>),
    /// It happened before, under the same idempotency key; nothing happened again. What was refused then is counted, its
    /// reasons are forgotten.
    Replayed(Applied),
    /// Nothing happened: the idempotency key was used for another request.
    KeyReused,
    /// Nothing happened; the reasons, at most [`Refusal::LIST_MAX`] of them. The idempotency key stays unused.
    Refused(Vec<Refusal>),
    /// The journal failed under it: it may or may not survive a crash.
    Unknown,
    /// Nothing happened, because the hub does not accept writes for a while.
    Unavailable(Unavailable),
}

/// The facts about a write that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Applied {
    /// The sequence of its last change.
    pub(crate) sequence: u64,
    /// How many of its changes happened.
    pub(crate) changes: u64,
    /// How many of its changes were refused.
    pub(crate) refused: u64,
    /// How many series came into being.
    pub(crate) created: u64,
    /// How many series went away.
    pub(crate) deleted: u64,
}

/// Why the hub accepts no writes for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// More writes are waiting than the queue holds.
    QueueFull,
    /// The journal cannot be written; scrapes go on.
    ReadOnly,
    /// The hub is stopping.
    Stopping,
}
