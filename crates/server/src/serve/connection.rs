//! One connection, from the accepted socket to the first byte of HTTP.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tracing::debug;

use super::activity::{Activity, ConnectionInfo};
use super::counters::Counters;
use super::listener::{Peer, Stream};
use super::metered::Metered;
use super::plain::{self, Beginning};
use super::session::Session;
use super::strangers::Stranger;
use super::{Server, Transport, handshake};
use crate::bandwidth::Paced;

/// Serves one client until it leaves, breaks a limit, or the hub shuts down.
pub(super) async fn run(stream: Stream, peer: Peer, transport: &Transport, server: &Server) {
    let _open = Open::new(server.counters.clone());
    let stranger = server.strangers.enter();
    tokio::select! {
        () = serve(stream, peer, stranger.clone(), transport, server) => {}
        () = stranger.sent_away() => debug!(%peer, "a connection without a key was closed to make room"),
    }
}

async fn serve(stream: Stream, peer: Peer, stranger: Arc<Stranger>, transport: &Transport, server: &Server) {
    if let Err(error) = stream.prepare() {
        debug!(%peer, %error, "a socket refused an option");
    }
    let beginning = match transport {
        Transport::Tls(_) => plain::beginning(&stream, peer, server).await,
        Transport::Http1 | Transport::Http2 => Beginning::Other,
    };
    let activity = Arc::new(Activity::default());
    let stream = Paced::new(stream, &server.bandwidth.unauthenticated(), activity.pace.clone());
    let stream = Metered::new(stream, activity.clone(), server.counters.clone());
    let session = Session {
        server,
        info: ConnectionInfo {
            peer,
            activity,
            stranger,
        },
    };
    let tls = match transport {
        Transport::Tls(_) if beginning == Beginning::Nothing => return,
        Transport::Tls(_) if beginning == Beginning::PlainHttp => {
            handshake::note_plain_http(peer, server);
            return plain::refuse(stream).await;
        }
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
