//! The accept loop: who may connect, how long each step may take, and how it all ends.
//!
//! Every connection passes, in this order: the cap on connections; the limits on bandwidth, and
//! [`metered`], which counts bytes on the wire, both below TLS; the handshake, under a deadline; ALPN, which picks HTTP/2 or
//! HTTP/1.1; hyper, watched by [`watchdog`]; the router. Plain connections speak HTTP/1.1 only:
//! telling the versions apart would mean waiting, without a deadline, for a client's first bytes.
//!
//! A panic ends at most its own connection, and is counted.

mod activity;
mod connection;
mod counters;
mod exchange;
mod exchanges;
mod handshake;
mod limits;
mod log_throttle;
mod metered;
mod metrics;
mod request;
mod session;
#[cfg(test)]
mod tests;
mod watchdog;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{error, warn};

pub(crate) use counters::Counters;
pub(crate) use exchange::Exchange;
pub(crate) use limits::Limits;
pub(crate) use request::BodyStalled;

use crate::bandwidth::Bandwidth;
use crate::shutdown::Shutdown;
use crate::tls::Tls;
use log_throttle::LogThrottle;

/// How long to wait after the operating system could not give us a connection, mostly for want
/// of file descriptors: asking again at once would only burn the processor.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Connections that were still busy when the time to drain was over.
    pub(crate) cut: usize,
}

/// What all connections share.
struct Server {
    tls: Option<Tls>,
    app: Router,
    limits: Limits,
    counters: Arc<Counters>,
    bandwidth: Bandwidth,
    shutdown: Shutdown,
    failed_handshakes: LogThrottle,
}

/// Serves the router on this listener until the shutdown fires, then lets requests under way
/// be answered for at most `drain_timeout`.
///
/// No client ends this: whatever goes wrong with one connection is counted and logged.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    app: Router,
    limits: Limits,
    counters: Arc<Counters>,
    bandwidth: Bandwidth,
    shutdown: Shutdown,
) -> Drained {
    let server = Arc::new(Server {
        tls,
        app,
        limits,
        counters,
        bandwidth,
        shutdown: shutdown.clone(),
        failed_handshakes: LogThrottle::default(),
    });
    let mut acceptor = Acceptor::new(listener, &server);
    let mut connections = JoinSet::new();
    let mut fired = pin!(shutdown.fired());
    loop {
        tokio::select! {
            biased;
            () = &mut fired => break,
            Some(ended) = connections.join_next() => server.note_end(ended),
            (stream, peer, slot) = acceptor.next() => {
                let server = server.clone();
                connections.spawn(async move {
                    connection::run(stream, peer, &server).await;
                    drop(slot);
                });
            }
        }
    }
    drop(acceptor);
    server.drain(connections).await
}

impl Server {
    async fn drain(&self, mut connections: JoinSet<()>) -> Drained {
        let finish = async {
            while let Some(ended) = connections.join_next().await {
                self.note_end(ended);
            }
        };
        let in_time = timeout(self.limits.drain_timeout, finish).await;
        let cut = connections.len();
        connections.shutdown().await;
        if in_time.is_err() {
            warn!(cut, "connections were cut: still busy at the end of the time to drain");
        }
        Drained { cut }
    }

    fn note_end(&self, ended: Result<(), JoinError>) {
        if ended.is_err_and(|error| error.is_panic()) {
            self.counters.panics.fetch_add(1, Relaxed);
            error!("a connection ended in a panic");
        }
    }
}

/// Where connections come in: one at a time, and no more than fit.
struct Acceptor {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    counters: Arc<Counters>,
    full: LogThrottle,
    failing: LogThrottle,
}

impl Acceptor {
    fn new(listener: TcpListener, server: &Server) -> Self {
        Self {
            listener,
            slots: Arc::new(Semaphore::new(server.limits.connections_max)),
            counters: server.counters.clone(),
            full: LogThrottle::default(),
            failing: LogThrottle::default(),
        }
    }

    /// The next connection. Waits for a slot first, so that whoever does not fit waits in the
    /// operating system's queue, at no cost to those inside. May be dropped and called again.
    async fn next(&mut self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        let slot = self.slot().await;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return (stream, peer, slot),
                // The client went away before its turn came.
                Err(error) if is_about_one_client(&error) => {}
                Err(error) => {
                    self.counters.accept_errors.fetch_add(1, Relaxed);
                    if let Some(unsaid) = self.failing.now() {
                        warn!(%error, unsaid, "cannot accept connections");
                    }
                    sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    async fn slot(&self) -> OwnedSemaphorePermit {
        if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            return slot;
        }
        self.counters.at_cap.fetch_add(1, Relaxed);
        if let Some(unsaid) = self.full.now() {
            warn!(unsaid, "as many connections as allowed are open: others wait");
        }
        match self.slots.clone().acquire_owned().await {
            Ok(slot) => slot,
            // The semaphore is never closed; were it, nobody would fit any more.
            Err(_) => std::future::pending().await,
        }
    }
}

fn is_about_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
