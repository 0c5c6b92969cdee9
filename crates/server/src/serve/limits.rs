//! How many, how big, and how long.

use std::time::Duration;

/// The limits on connections. The defaults suit a hub with thousands of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Connections open at once; whoever comes then waits to be accepted.
    pub(crate) connections_max: usize,
    /// A TLS handshake takes no longer than this.
    pub(crate) handshake_timeout: Duration,
    /// An HTTP/1 request's header is complete this long after its first byte.
    pub(crate) header_timeout: Duration,
    /// A connection without any request is closed after this long.
    pub(crate) idle_timeout: Duration,
    /// Nothing of a request's body arrives, or nothing of an answer is taken, for this long: the
    /// request fails, or the connection is closed. However slow, progress counts.
    pub(crate) body_idle_timeout: Duration,
    /// Bytes of a body that are read and dropped after its request was answered without it, so that the answer reaches the
    /// client; not for longer than `body_idle_timeout`.
    pub(crate) unread_body_bytes_max: usize,
    /// At shutdown, requests under way get this long to be answered.
    pub(crate) drain_timeout: Duration,
    /// Bytes of an HTTP/1 request's header.
    pub(crate) header_bytes_max: usize,
    /// Fields in an HTTP/1 request's header.
    pub(crate) header_fields_max: usize,
    /// HTTP/2.
    pub(crate) http2: Http2Limits,
}

/// What HTTP/2 has beyond HTTP/1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Http2Limits {
    /// Requests at once on a connection.
    pub(crate) streams_max: u32,
    /// Bytes of a request's header, decompressed.
    pub(crate) header_list_bytes_max: u32,
    /// How often to ask a silent client whether it is still there.
    pub(crate) ping_interval: Duration,
    /// How long it may take to answer.
    pub(crate) ping_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_idle_timeout: Duration::from_secs(30),
            unread_body_bytes_max: 32 << 20,
            drain_timeout: Duration::from_secs(10),
            header_bytes_max: 64 * 1024,
            header_fields_max: 100,
            http2: Http2Limits {
                streams_max: 256,
                header_list_bytes_max: 64 * 1024,
                ping_interval: Duration::from_secs(30),
                ping_timeout: Duration::from_secs(60),
            },
        }
    }
}
