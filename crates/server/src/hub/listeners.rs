//! From the setting `listen` to sockets, and what is spoken on them.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
};

use tokio::net::TcpListener;

use crate::{
    config::{Address, Listen, Protocol},
    serve::{Listener, Socket, Transport},
    tls::Tls,
};

/// A listener that clients can connect to already; they are answered once the hub serves.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) protocol: Protocol,
    pub(crate) listener: Listener,
}

impl Bound {
    /// What is spoken there, and where, as the setting `listen` has it.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.protocol.name(), self.listener)
    }

    /// With the certificate, if that is what is spoken.
    pub(super) fn transport(&self, tls: Option<&Tls>) -> Transport {
        match (self.protocol, tls) {
            (Protocol::Https, Some(tls)) => Transport::Tls(tls.clone()),
            (Protocol::H2c, _) => Transport::Http2,
            // A hub with a listener for TLS has opened a certificate.
            (Protocol::Http | Protocol::Https, _) => Transport::Http1,
        }
    }
}

/// Listens everywhere; or says of each address that refuses why. To be called in a runtime.
///
/// # Errors
/// One line for each.
pub(crate) async fn bind(listen: &Listen) -> Result<Vec<Bound>, String> {
    let (mut bound, mut refused) = (Vec::new(), Vec::new());
    for (protocol, address) in listen.listeners() {
        match bind_one(address).await {
            Ok(listener) => bound.push(Bound { protocol, listener }),
            Err(error) => refused.push(format!("cannot listen on {address}: {error}")),
        }
    }
    if refused.is_empty() {
        Ok(bound)
    } else {
        Err(refused.join("\n"))
    }
}

async fn bind_one(address: &Address) -> io::Result<Listener> {
    match address {
        Address::Tcp { host, port } => Ok(Listener::Tcp(TcpListener::bind(resolve(host, *port)?).await?)),
        Address::Unix { path, mode } => Ok(Listener::Unix(Socket::bind(path, *mode)?)),
    }
}

/// The first address that the host stands for.
pub(super) fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let found = (host, port).to_socket_addrs()?.next();
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
}
