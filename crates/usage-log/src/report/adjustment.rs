//! What an invoice that was written before does not have.

use nexus_calendar::Time;

use crate::amounts::Amounts;

/// What was added to an hour after it had been closed: what an invoice written before does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// When the records were stored.
    pub made_at: Time,
    /// The start of the hour (in UTC) in which they ended.
    pub hour: Time,
    /// Whose they are.
    pub key: String,
    /// Whom the key belongs to.
    pub tenant: String,
    /// Which service answered.
    pub service: String,
    /// The responses' status.
    pub status: u16,
    /// How many records.
    pub records: u64,
    /// Their sums.
    pub amounts: Amounts,
}
