//! So much of each field.

use crate::Field;

/// So much of each field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Amount {
    /// Requests.
    pub api_requests: u64,
    /// Bytes sent to the client.
    pub egress_bytes: u64,
    /// Bytes received from the client.
    pub ingress_bytes: u64,
}

impl Amount {
    /// Nothing of anything.
    pub const ZERO: Amount = Amount {
        api_requests: 0,
        egress_bytes: 0,
        ingress_bytes: 0,
    };

    /// So much of one field.
    pub const fn of(field: Field, value: u64) -> Self {
        let mut amount = Amount::ZERO;
        match field {
            Field::ApiRequests => amount.api_requests = value,
            Field::EgressBytes => amount.egress_bytes = value,
            Field::IngressBytes => amount.ingress_bytes = value,
        }
        amount
    }

    /// One request and the bytes that flowed for it.
    pub const fn request(egress_bytes: u64, ingress_bytes: u64) -> Self {
        Amount {
            api_requests: 1,
            egress_bytes,
            ingress_bytes,
        }
    }

    /// Each field made by a function of the field.
    pub fn from_fn(mut value: impl FnMut(Field) -> u64) -> Self {
        Amount {
            api_requests: value(Field::ApiRequests),
            egress_bytes: value(Field::EgressBytes),
            ingress_bytes: value(Field::IngressBytes),
        }
    }

    /// How much of this field.
    pub const fn get(&self, field: Field) -> u64 {
        match field {
            Field::ApiRequests => self.api_requests,
            Field::EgressBytes => self.egress_bytes,
            Field::IngressBytes => self.ingress_bytes,
        }
    }

    /// Whether it is nothing at all.
    pub const fn is_zero(&self) -> bool {
        self.api_requests == 0 && self.egress_bytes == 0 && self.ingress_bytes == 0
    }

    /// Field by field, saturating.
    #[must_use]
    pub fn plus(self, other: Amount) -> Amount {
        Amount::from_fn(|field| self.get(field).saturating_add(other.get(field)))
    }

    /// Field by field, down to zero.
    #[must_use]
    pub fn minus(self, other: Amount) -> Amount {
        Amount::from_fn(|field| self.get(field).saturating_sub(other.get(field)))
    }

    /// Field by field, the larger of both.
    #[must_use]
    pub fn max(self, other: Amount) -> Amount {
        Amount::from_fn(|field| self.get(field).max(other.get(field)))
    }

    /// Field by field, the smaller of both.
    #[must_use]
    pub fn min(self, other: Amount) -> Amount {
        Amount::from_fn(|field| self.get(field).min(other.get(field)))
    }
}
