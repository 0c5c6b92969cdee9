//! One connection, from the accepted socket to the first byte of HTTP.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tracing::debug;

use super::activity::{Activity, ConnectionInfo};
use super::counters::Counters;
use super::listener::{Peer, Stream};
use super::metered::Metered;
use super::session::Session;
use super::{Server, Transport, handshake};
use crate::bandwidth::Paced;

/// Serves one client until it leaves, breaks a limit, or the hub shuts down.
pub(super) async fn run(stream: Stream, peer: Peer, transport: &Transport, server: &Server) {
    let _open = Open::new(server.counters.clone());
    if let Err(error) = stream.prepare() {
        debug!(%peer, %error, "a socket refused an option");
    }
    let activity = Arc::new(Activity::default());
    let stream = Paced::new(stream, &server.bandwidth.unauthenticated(), activity.pace.clone());
    let stream = Metered::new(stream, activity.clone(), server.counters.clone());
    let session = Session {
        server,
        info: ConnectionInfo { peer, activity },
    };
    let tls = match transport {
        Transport::Http1 => return session.http1(stream).await,
        Transport::Http2 => return session.http2(stream).await,
        Transport::Tls(tls) => tls,
    };
    if let Some(stream) = handshake::shake(stream, peer, tls, server).await {
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => session.http2(stream).await,
            _ => session.http1(stream).await,
        }
    }
}

/// An open connection, for the counters.
struct Open(Arc<Counters>);

impl Open {
    fn new(counters: Arc<Counters>) -> Self {
        counters.connections_total.fetch_add(1, Relaxed);
        counters.connections_open.fetch_add(1, Relaxed);
        Self(counters)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Relaxed);
    }
}
