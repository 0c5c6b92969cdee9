//! `usage`: how much each key may use.

use super::{section::Section, units};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Settings of the usage: what the file says of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// `usage.limits`: by the key's name. Can be changed while the hub runs, see [`crate::settings`].
    pub(crate) limits: BTreeMap<String, KeyLimits>,
}

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

impl Usage {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("usage");
        let limits = section.named("limits").into_iter();
        let usage = Usage {
            limits: limits.map(|(name, limits)| (name, KeyLimits::read(limits))).collect(),
        };
        section.finish();
        usage
    }
}

impl KeyLimits {
    fn read(section: Section<'_>) -> Self {
        let mut limits = KeyLimits::default();
        let monthly = 0..=LIMIT_MAX;
        section.set("api_requests", &mut limits.api_requests, |value| {
            units::number(value, &monthly)
        });
        section.set("egress_bytes", &mut limits.egress_bytes, |value| {
            units::amount(value, &monthly)
        });
        section.set("ingress_bytes", &mut limits.ingress_bytes, |value| {
            units::amount(value, &monthly)
        });
        section.set("requests_per_second", &mut limits.requests_per_second, |value| {
            units::number(value, &(0..=REQUESTS_PER_SECOND_MAX))
        });
        section.finish();
        limits
    }
}
