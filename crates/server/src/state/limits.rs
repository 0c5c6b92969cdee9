//! How much the state holds.

use super::idempotency::Retention;

/// How much the store holds. Each is a setting of the same name under `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreLimits {
    pub(crate) families_max: u64,
    pub(crate) series_max: u64,
    pub(crate) series_per_key_max: u64,
    pub(crate) families_per_key_max: u64,
    pub(crate) series_bytes_max: u64,
    pub(crate) series_per_key_bytes_max: u64,
    /// How long idempotency keys are kept, and how many: settings under `idempotency`.
    pub(crate) idempotency: Retention,
}

impl StoreLimits {
    /// As much as there is memory for.
    pub(crate) const NONE: StoreLimits = StoreLimits {
        families_max: u64::MAX,
        series_max: u64::MAX,
        series_per_key_max: u64::MAX,
        families_per_key_max: u64::MAX,
        series_bytes_max: u64::MAX,
        series_per_key_bytes_max: u64::MAX,
        idempotency: Retention {
            keys_max: usize::MAX,
            retention_ms: u64::MAX,
        },
    };
}
