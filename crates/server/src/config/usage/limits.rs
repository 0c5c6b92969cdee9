//! `usage.limits`: how much one key may use.

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{section::Section, units};

/// How much one key may use; 0 is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub(crate) struct KeyLimits {
    /// Requests a month.
    pub(crate) api_requests: u64,
    /// Bytes of answers' bodies a month.
    pub(crate) egress_bytes: u64,
    /// Bytes of requests' bodies a month.
    pub(crate) ingress_bytes: u64,
    /// Requests a second.
    pub(crate) requests_per_second: u64,
}

/// What a monthly limit may be: more is not told apart where usage is shared.
pub(crate) const LIMIT_MAX: u64 = 1 << 53;
/// What a rate of requests may be.
pub(crate) const REQUESTS_PER_SECOND_MAX: u64 = 1_000_000_000;

impl KeyLimits {
    pub(super) fn read(section: Section<'_>) -> Self {
        let mut limits = KeyLimits::default();
        let monthly = 0..=LIMIT_MAX;
        section.set("api_requests", &mut limits.api_requests, |value| {
            units::count(value, &monthly)
        });
        section.set("egress_bytes", &mut limits.egress_bytes, |value| {
            units::size(value, &monthly)
        });
        section.set("ingress_bytes", &mut limits.ingress_bytes, |value| {
            units::size(value, &monthly)
        });
        section.set("requests_per_second", &mut limits.requests_per_second, |value| {
            units::count(value, &(0..=REQUESTS_PER_SECOND_MAX))
        });
        section.finish();
        limits
    }
}
