//! A listener whose connections are throttled.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpStream};

use crate::{limiter::Limiter, throttled::Throttled};

/// Accepts connections, each with a node of its own below the listener's.
///
/// The listener's node holds for all of them together; its [child limits](Limiter::child_limits) for each.
#[derive(Debug)]
pub struct ThrottledListener {
    inner: TcpListener,
    node: Limiter,
}

impl ThrottledListener {
    /// Charges what is accepted to this node.
    pub fn new(inner: TcpListener, node: Limiter) -> Self {
        Self { inner, node }
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::accept`]; it is cancel safe as well.
    pub async fn accept(&self) -> io::Result<(Throttled<TcpStream>, SocketAddr)> {
        let (stream, peer) = self.inner.accept().await?;
        Ok((Throttled::new(stream, &self.node.child()), peer))
    }

    /// The node of all connections.
    pub fn node(&self) -> &Limiter {
        &self.node
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// The inner listener.
    pub fn get_ref(&self) -> &TcpListener {
        &self.inner
    }
}
