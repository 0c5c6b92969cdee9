//! What goes over the wire, as far as a server knows it.

use std::{fmt, sync::Arc};

use super::PendingRecord;

/// A request extension: knows what went over the wire. Under HTTP/1.1 a connection serves one request after the other, so
/// the difference of its byte counts belongs to one of them exactly, headers and framing too; under HTTP/2 several share
/// a connection, and the best there is is an estimate.
#[derive(Clone)]
pub struct Wire(pub Arc<dyn WireMeter>);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// Counts what goes over a connection.
pub trait WireMeter: Send + Sync + 'static {
    /// The response's body has ended, but some of it may not have left yet. Keep the record until its bytes are known, at
    /// the latest until the connection ends, and then [finish](PendingRecord::finish) it. Must not wait.
    fn ended(&self, record: Arc<PendingRecord>);
}

/// The bytes of one request and its response, as they went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WireBytes {
    /// Received.
    pub bytes_in: u64,
    /// Sent.
    pub bytes_out: u64,
}
