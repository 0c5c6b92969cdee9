//! Why nothing came of a request, or nobody knows what did.

use nexus_usage_log::StoreError;

use crate::{
    accounts::Refused,
    auth::Denied,
    write::{Refusal, Unavailable},
};

/// Why a request was rejected. Nothing happened, but where it says so.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rejected {
    /// The principal may do nothing of the sort.
    Denied(Denied),
    /// A limit of the account is reached.
    Account(Refused),
    /// These of the changes cannot be, or the principal may not make them.
    Changes(Vec<Refusal>),
    /// The idempotency key was used for another request.
    KeyReused,
    /// The journal failed under it: it may or may not have happened.
    Unknown,
    /// No writes are taken for a while.
    Unavailable(Unavailable),
    /// These of the events are on the account of others, for whom it may not report.
    Events(Vec<OthersUsage>),
    /// The hub keeps no usage log.
    NoUsageLog,
    /// The usage log does not store the events; some of them may be.
    UsageLog(StoreError),
}

/// An event that is on somebody else's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OthersUsage {
    /// Which one, from 0.
    pub(crate) index: usize,
    /// What it says of whom.
    pub(crate) whom: String,
}

impl From<Refused> for Rejected {
    fn from(refused: Refused) -> Self {
        Rejected::Account(refused)
    }
}
