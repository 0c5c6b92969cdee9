//! How strictly limits are kept.

use std::num::NonZeroU32;

/// How strictly a subject's limits are kept. Usage is counted in every mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Limits are not looked at.
    Off,
    /// Limits are looked at, and what would have been refused is counted; nothing is refused.
    Observe,
    /// Refused by what is known: what this process has recorded, and what the others had pushed. What has been admitted and
    /// is not recorded yet is not seen, so many at once may go beyond the limit.
    Approximate,
    /// As approximate, but what this process has admitted is reserved until it is recorded: alone, it never admits beyond
    /// the limit. What others use meanwhile is seen within a push interval.
    #[default]
    Exact,
    /// All processes together never admit beyond the limit: each uses up what the shared ledger has leased to it, and asks
    /// for more in the background, or where it has none left. Without a shared ledger, as exact.
    Lease,
    /// As lease, but of exactly what is admitted: the shared ledger is asked each time. Without one, as exact.
    Ask,
}

impl Mode {
    /// Whether what is admitted is reserved until it is recorded.
    pub(crate) const fn reserves(self) -> bool {
        matches!(self, Mode::Exact | Mode::Lease | Mode::Ask)
    }

    pub(crate) const fn asks(self) -> bool {
        matches!(self, Mode::Lease | Mode::Ask)
    }
}

/// What is admitted while the shared ledger cannot be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnLoss {
    /// Go on by what is known. All processes together may use, beyond the limit, what they use while they do not see each
    /// other.
    #[default]
    GoOn,
    /// Refuse whatever has a limit. What is leased already may still be used up while the lease is valid.
    Refuse,
    /// Each of so many processes may use its part of what was left when the ledger was lost: together no more than the limit, if
    /// there are no more of them than that and they knew the same.
    LocalShare(NonZeroU32),
}
