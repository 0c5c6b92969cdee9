//! Which sums the file keeps: by all dimensions, and by account.

use crate::level::Level;

/// Which dimensions a table of sums tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All of them.
    Series,
    /// Key, tenant, service and status: what an invoice asks for. Much smaller, hence much faster.
    Account,
}

impl Cut {
    /// The table of a cut's sums by hour or day, or of all dimensions at any level.
    pub(crate) fn table(self, level: Level) -> String {
        let cut = match self {
            Self::Series => "series",
            Self::Account => "account",
        };
        format!("{cut}_by_{}", level.name())
    }

    /// At which levels it is kept.
    pub(crate) const fn has(self, level: Level) -> bool {
        match self {
            Self::Series => true,
            Self::Account => matches!(level, Level::Hour | Level::Day),
        }
    }
}
