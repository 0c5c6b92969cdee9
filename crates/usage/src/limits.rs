//! How much a subject may use in a period.

use crate::{Amount, Field};

/// How much a subject may use in a period. Zero is unlimited, field by field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Requests.
    pub api_requests: u64,
    /// Bytes sent to the client.
    pub egress_bytes: u64,
    /// Bytes received from the client.
    pub ingress_bytes: u64,
}

impl Limits {
    /// No limit on anything.
    pub const UNLIMITED: Limits = Limits {
        api_requests: 0,
        egress_bytes: 0,
        ingress_bytes: 0,
    };

    /// The limit of this field, if it has one.
    pub const fn get(&self, field: Field) -> Option<u64> {
        let limit = match field {
            Field::ApiRequests => self.api_requests,
            Field::EgressBytes => self.egress_bytes,
            Field::IngressBytes => self.ingress_bytes,
        };
        if limit == 0 { None } else { Some(limit) }
    }

    /// The first field of which there would be more than its limit; to reach a limit exactly is within it.
    pub fn exceeded_by(&self, amount: Amount) -> Option<Field> {
        Field::ALL
            .into_iter()
            .find(|&field| self.get(field).is_some_and(|limit| amount.get(field) > limit))
    }
}
