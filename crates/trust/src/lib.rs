//! What proves who somebody is: secrets that are not shown, and the authorities by which servers are verified.

mod secret;
#[cfg(feature = "tls")]
mod tls;

pub use secret::Secret;
#[cfg(feature = "tls")]
pub use tls::{TlsError, client_tls};
