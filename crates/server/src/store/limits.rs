/// How much the store holds. Each is a setting of the same name under `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreLimits {
    pub(crate) families_max: u64,
    pub(crate) series_max: u64,
    pub(crate) series_per_key_max: u64,
}

impl StoreLimits {
    /// As much as there is memory for.
    pub(crate) const NONE: StoreLimits = StoreLimits {
        families_max: u64::MAX,
        series_max: u64::MAX,
        series_per_key_max: u64::MAX,
    };
}
