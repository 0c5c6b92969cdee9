//! A client's connection, and its place in the tree of bandwidth.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use nexus_throttle::Limiter;

/// A client's connection.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    node: Mutex<Option<Limiter>>,
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr) -> Self {
        Connection {
            peer,
            node: Mutex::new(None),
        }
    }

    /// Its node below this key's. A connection has one at a time: that of the key which it used last.
    pub(crate) fn node_below(&self, key: &Limiter) -> Limiter {
        let mut node = self.node.lock().unwrap_or_else(PoisonError::into_inner);
        let known = node
            .take()
            .filter(|node| node.parent().is_some_and(|parent| parent.is(key)));
        node.insert(known.unwrap_or_else(|| key.child())).clone()
    }
}
