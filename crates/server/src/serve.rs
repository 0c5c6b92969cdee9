//! The accept loop: who may connect, how long each step may take, and how it all ends.
//!
//! Every connection passes, in this order: the cap on connections; the limits on bandwidth, and
//! [`metered`], which counts bytes on the wire, both below TLS; the handshake, under a deadline; ALPN, which picks HTTP/2 or
//! HTTP/1.1; hyper, watched by [`watchdog`]; the router. Plain connections speak what their listener is for, HTTP/1.1 or
//! HTTP/2: telling the versions apart would mean waiting, without a deadline, for a client's first bytes.
//!
//! A panic ends at most its own connection, and is counted.

mod activity;
mod arriving;
mod connection;
mod counters;
mod exchange;
mod exchanges;
mod handshake;
mod limits;
mod listener;
mod log_throttle;
mod metered;
mod metrics;
mod plain;
mod request;
mod session;
mod strangers;
#[cfg(test)]
mod tests;
mod unix;
mod watchdog;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{error, warn};

pub(crate) use arriving::BodyError;
pub(crate) use counters::Counters;
pub(crate) use exchange::Exchange;
pub(crate) use limits::Limits;
pub(crate) use listener::{Listener, Peer};
pub(crate) use log_throttle::LogThrottle;
pub(crate) use unix::Socket;

use crate::bandwidth::Bandwidth;
use crate::shutdown::Shutdown;
use crate::tls::Tls;
use listener::Stream;
use strangers::Strangers;

/// How long to wait after the operating system could not give us a connection, mostly for want
/// of file descriptors: asking again at once would only burn the processor.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Connections that were still busy when the time to drain was over.
    pub(crate) cut: usize,
}

/// What is spoken on the connections of a listener.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    /// TLS, and what ALPN picks within.
    Tls(Tls),
    /// HTTP/1.1, plain.
    Http1,
    /// HTTP/2, plain, by prior knowledge.
    Http2,
}

/// What the connections of all listeners share.
#[derive(Debug)]
pub(crate) struct Server {
    app: Router,
    limits: Limits,
    counters: Arc<Counters>,
    bandwidth: Bandwidth,
    shutdown: Shutdown,
    /// For connections that are open.
    slots: Arc<Semaphore>,
    strangers: Arc<Strangers>,
    full: LogThrottle,
    failed_accepts: LogThrottle,
    failed_handshakes: LogThrottle,
}

impl Server {
    pub(crate) fn new(
        app: Router,
        limits: Limits,
        counters: Arc<Counters>,
        bandwidth: Bandwidth,
        shutdown: Shutdown,
    ) -> Arc<Self> {
        Arc::new(Server {
            app,
            slots: Arc::new(Semaphore::new(limits.connections_max)),
            limits,
            counters,
            bandwidth,
            shutdown,
            strangers: Arc::default(),
            full: LogThrottle::default(),
            failed_accepts: LogThrottle::default(),
            failed_handshakes: LogThrottle::default(),
        })
    }

    /// Serves the router on this listener until the shutdown fires, then lets requests under way
    /// be answered for at most `drain_timeout`.
    ///
    /// No client ends this: whatever goes wrong with one connection is counted and logged.
    pub(crate) async fn serve(self: Arc<Self>, listener: Listener, transport: Transport) -> Drained {
        let mut acceptor = Acceptor {
            server: &self,
            listener,
            accepted: None,
        };
        let mut connections = JoinSet::new();
        let mut fired = pin!(self.shutdown.fired());
        loop {
            tokio::select! {
                biased;
                () = &mut fired => break,
                Some(ended) = connections.join_next() => self.note_end(ended),
                (stream, peer, slot) = acceptor.next() => {
                    let (server, transport) = (self.clone(), transport.clone());
                    connections.spawn(async move {
                        connection::run(stream, peer, &transport, &server).await;
                        drop(slot);
                    });
                }
            }
        }
        drop(acceptor);
        self.drain(connections).await
    }

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
            warn!(
                cut,
                "connections were cut: still busy at the end of the time to drain (limits.drain_timeout)"
            );
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
struct Acceptor<'a> {
    server: &'a Server,
    listener: Listener,
    /// Has come, and has no slot yet.
    accepted: Option<(Stream, Peer)>,
}

impl Acceptor<'_> {
    /// The next connection, when there is a slot for it. Who comes behind it waits in the operating system's queue, at no cost
    /// to those inside. May be dropped and called again.
    async fn next(&mut self) -> (Stream, Peer, OwnedSemaphorePermit) {
        loop {
            if self.accepted.is_none() {
                self.accepted = Some(self.accept().await);
            }
            let slot = self.slot().await;
            if let Some((stream, peer)) = self.accepted.take() {
                return (stream, peer, slot);
            }
        }
    }

    async fn accept(&self) -> (Stream, Peer) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                // The client went away before its turn came.
                Err(error) if is_about_one_client(&error) => {}
                Err(error) => {
                    self.server.counters.accept_errors.fetch_add(1, Relaxed);
                    if let Some(unsaid) = self.server.failed_accepts.now() {
                        warn!(%error, unsaid, "cannot accept connections");
                    }
                    sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    /// A slot for one who has come. If there is none, somebody who never showed a key leaves; if there is nobody of that kind,
    /// the one who has come waits.
    async fn slot(&self) -> OwnedSemaphorePermit {
        if let Ok(slot) = self.server.slots.clone().try_acquire_owned() {
            return slot;
        }
        self.server.counters.at_cap.fetch_add(1, Relaxed);
        let made_room = self.server.strangers.send_one_away();
        if made_room {
            self.server.counters.sent_away.fetch_add(1, Relaxed);
        }
        if let Some(unsaid) = self.server.full.now() {
            warn!(
                unsaid,
                connections = self.server.limits.connections_max,
                "as many connections as allowed are open (limits.connections_max): those that never showed a key give way to \
                 others, and if there are none, others wait"
            );
        }
        match self.server.slots.clone().acquire_owned().await {
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
