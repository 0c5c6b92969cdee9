//! What serving counts about itself.

use std::sync::atomic::AtomicU64;

/// Totals since the start, except `connections_open`. Shared by all connections; to be read at
/// any time, each field for itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Connections open now, handshakes included.
    pub(crate) connections_open: AtomicU64,
    /// Connections accepted.
    pub(crate) connections_total: AtomicU64,
    /// Times that the cap on connections kept the next one waiting.
    pub(crate) at_cap: AtomicU64,
    /// Connections without a key that were closed to make room for others.
    pub(crate) sent_away: AtomicU64,
    /// Times that the operating system could not give us a connection.
    pub(crate) accept_errors: AtomicU64,
    /// Handshakes that failed, those that took too long excepted.
    pub(crate) handshake_failures: AtomicU64,
    /// Handshakes that took too long.
    pub(crate) handshake_timeouts: AtomicU64,
    /// Request headers that took too long.
    pub(crate) header_timeouts: AtomicU64,
    /// Connections closed because nothing was asked of them.
    pub(crate) idle_timeouts: AtomicU64,
    /// Request bodies that stopped arriving.
    pub(crate) body_timeouts: AtomicU64,
    /// Answers that the client stopped taking.
    pub(crate) answer_timeouts: AtomicU64,
    /// Connections, or requests on them, that ended in a panic.
    pub(crate) panics: AtomicU64,
    /// Bytes received, TLS included.
    pub(crate) wire_bytes_in: AtomicU64,
    /// Bytes sent, TLS included.
    pub(crate) wire_bytes_out: AtomicU64,
}
