//! One connection, from the accepted socket to the first byte of HTTP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::net::TcpStream;
use tracing::debug;

use super::activity::{Activity, ConnectionInfo};
use super::counters::Counters;
use super::metered::Metered;
use super::session::Session;
use super::{Server, handshake};
use crate::bandwidth::Paced;

/// What the kernel takes from us ahead of what it has sent.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 256 * 1024;

/// Serves one client until it leaves, breaks a limit, or the hub shuts down.
pub(super) async fn run(stream: TcpStream, peer: SocketAddr, server: &Server) {
    let _open = Open::new(server.counters.clone());
    if let Err(error) = prepare(&stream) {
        debug!(%peer, %error, "a socket refused an option");
    }
    let activity = Arc::new(Activity::default());
    let stream = Paced::new(stream, &server.bandwidth.stranger(), activity.pace.clone());
    let stream = Metered::new(stream, activity.clone(), server.counters.clone());
    let session = Session {
        server,
        info: ConnectionInfo { peer, activity },
    };
    let Some(tls) = &server.tls else {
        return session.http1(stream).await;
    };
    if let Some(stream) = handshake::shake(stream, peer, tls, server).await {
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => session.http2(stream).await,
            _ => session.http1(stream).await,
        }
    }
}

/// Small packets go out at once, and the kernel takes no more than it can soon send. Otherwise it
/// would take megabytes, and then nothing for as long as a slow client needs to read a third of
/// them: from here, that looks like a client that has stopped reading.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
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
