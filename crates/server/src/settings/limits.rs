//! Limits of one key that were set live.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::patch::{self, Wanted};
use crate::config::{KeyLimits, LIMIT_MAX, REQUESTS_PER_SECOND_MAX};

/// What of one key's limits was set live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsSet {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_requests: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    egress_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ingress_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_second: Option<u64>,
}

/// How a key's limits are to change: what is left out stays as it is, `null` is what the configuration says, 0 is
/// unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsChange {
    /// Requests a month.
    #[serde(default, deserialize_with = "patch::count")]
    #[schema(value_type = Option<u64>)]
    api_requests: Wanted,
    /// Bytes of answers' bodies a month.
    #[serde(default, deserialize_with = "patch::size")]
    #[schema(value_type = Option<u64>)]
    egress_bytes: Wanted,
    /// Bytes of requests' bodies a month.
    #[serde(default, deserialize_with = "patch::size")]
    #[schema(value_type = Option<u64>)]
    ingress_bytes: Wanted,
    /// Requests a second.
    #[serde(default, deserialize_with = "patch::count")]
    #[schema(value_type = Option<u64>)]
    requests_per_second: Wanted,
}

impl LimitsChange {
    /// The first number that is more than it may be, and what that is.
    pub(crate) fn out_of_range(self) -> Option<(&'static str, u64)> {
        [
            ("api_requests", self.api_requests, LIMIT_MAX),
            ("egress_bytes", self.egress_bytes, LIMIT_MAX),
            ("ingress_bytes", self.ingress_bytes, LIMIT_MAX),
            ("requests_per_second", self.requests_per_second, REQUESTS_PER_SECOND_MAX),
        ]
        .into_iter()
        .find(|(_, wanted, max)| matches!(wanted, Wanted::Set(number) if number > max))
        .map(|(name, _, max)| (name, max))
    }
}

impl LimitsSet {
    pub(super) fn is_empty(self) -> bool {
        self == LimitsSet::default()
    }

    pub(super) fn change(&mut self, change: LimitsChange) {
        change.api_requests.put_into(&mut self.api_requests);
        change.egress_bytes.put_into(&mut self.egress_bytes);
        change.ingress_bytes.put_into(&mut self.ingress_bytes);
        change.requests_per_second.put_into(&mut self.requests_per_second);
    }

    /// What counts, where the configuration says `configured`.
    pub(super) fn over(self, configured: KeyLimits) -> KeyLimits {
        KeyLimits {
            api_requests: self.api_requests.unwrap_or(configured.api_requests),
            egress_bytes: self.egress_bytes.unwrap_or(configured.egress_bytes),
            ingress_bytes: self.ingress_bytes.unwrap_or(configured.ingress_bytes),
            requests_per_second: self.requests_per_second.unwrap_or(configured.requests_per_second),
        }
    }

    /// A line for each number that is another than the configuration says.
    pub(super) fn wins_over(self, key: &str, configured: KeyLimits) -> Vec<String> {
        [
            ("api_requests", self.api_requests, configured.api_requests),
            ("egress_bytes", self.egress_bytes, configured.egress_bytes),
            ("ingress_bytes", self.ingress_bytes, configured.ingress_bytes),
            (
                "requests_per_second",
                self.requests_per_second,
                configured.requests_per_second,
            ),
        ]
        .into_iter()
        .filter_map(|(name, set, configured)| Some((name, set?, configured)))
        .filter(|(_, set, configured)| set != configured)
        .map(|(name, set, configured)| format!("usage.limits.{key}.{name} is {set}, not {configured}"))
        .collect()
    }
}
