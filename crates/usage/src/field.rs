//! What is counted: requests and bytes.

use std::{fmt, str::FromStr};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Requests, whatever became of them.
    ApiRequests,
    /// Bytes sent to the client.
    EgressBytes,
    /// Bytes received from the client.
    IngressBytes,
}

impl Field {
    /// Every field, in the order of their columns.
    pub const ALL: [Field; 3] = [Field::ApiRequests, Field::EgressBytes, Field::IngressBytes];

    /// The name by which it is stored and configured.
    pub const fn name(self) -> &'static str {
        match self {
            Field::ApiRequests => "api_requests",
            Field::EgressBytes => "egress_bytes",
            Field::IngressBytes => "ingress_bytes",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        Field::ALL
            .into_iter()
            .find(|field| field.name() == name)
            .ok_or_else(|| UnknownField { name: name.to_owned() })
    }
}

/// No field has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no field {name:?}: there are api_requests, egress_bytes and ingress_bytes")]
pub struct UnknownField {
    name: String,
}
