//! How fast bytes may flow: the configured rates as trees of limiters.
//!
//! One tree is the server's: below it stands a node for each key, which has no rate of its own, and below that the key's
//! connections. It sees every byte on the wire, TLS included; since keys are siblings in it, a key gets no larger share of
//! the server by opening more connections. A key's own rate is a tree of its own, which sees the bodies of its requests:
//! under HTTP/2 the requests of several keys may come on one connection.

mod metrics;
mod pace;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use nexus_throttle::{Direction, Limiter, Limits, Rate};

pub(crate) use metrics::families;
pub(crate) use pace::{Pace, Paced};

use crate::config::{Rates, Throttle};

/// All limiters of the hub. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Bandwidth {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: Limiter,
    /// Where connections are until they have shown a key.
    unauthenticated: Limiter,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    throttle: Throttle,
    keys: HashMap<Arc<str>, KeyBandwidth>,
}

/// The limiters of one key. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct KeyBandwidth {
    /// Tells keys apart quickly; never 0.
    id: u64,
    /// Among the nodes of the server.
    share: Limiter,
    /// For the bodies of its requests.
    own: Limiter,
}

impl Bandwidth {
    pub(crate) fn new(throttle: &Throttle) -> Self {
        let server = Limiter::new();
        let unauthenticated = server.child();
        set(&server, throttle.server);
        set_connections(&unauthenticated, throttle.connection);
        Bandwidth {
            shared: Arc::new(Shared {
                server,
                unauthenticated,
                state: Mutex::new(State {
                    throttle: throttle.clone(),
                    keys: HashMap::new(),
                }),
            }),
        }
    }

    /// Sets all rates, for open connections and for who waits too.
    pub(crate) fn set(&self, throttle: &Throttle) {
        let shared = &*self.shared;
        let mut state = shared.lock();
        set(&shared.server, throttle.server);
        set_connections(&shared.unauthenticated, throttle.connection);
        for (name, key) in &state.keys {
            key.set(name, throttle);
        }
        state.throttle = throttle.clone();
    }

    /// The node of a connection that has shown no key yet.
    pub(crate) fn unauthenticated(&self) -> Limiter {
        self.shared.unauthenticated.child()
    }

    /// The limiters of the key of this name.
    pub(crate) fn of_key(&self, name: &Arc<str>) -> KeyBandwidth {
        let mut state = self.shared.lock();
        let State { throttle, keys } = &mut *state;
        let key = keys.entry(Arc::clone(name)).or_insert_with(|| {
            let key = KeyBandwidth {
                id: NEXT_ID.fetch_add(1, Relaxed),
                share: self.shared.server.child(),
                own: Limiter::new(),
            };
            key.set(name, throttle);
            key
        });
        key.clone()
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl KeyBandwidth {
    /// What the bodies of the key's requests pass.
    pub(crate) fn own(&self) -> &Limiter {
        &self.own
    }

    fn set(&self, name: &str, throttle: &Throttle) {
        set(&self.own, throttle.keys.get(name).copied().unwrap_or_default());
        set_connections(&self.share, throttle.connection);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stays as it is is not set again: whoever waits there need not be looked at.
fn set(node: &Limiter, rates: Rates) {
    for (direction, limits) in limits(rates) {
        if node.limits(direction) != limits {
            node.set_limits(direction, limits);
        }
    }
}

fn set_connections(parent: &Limiter, rates: Rates) {
    for (direction, limits) in limits(rates) {
        if parent.child_limits(direction) != limits {
            parent.set_child_limits(direction, limits);
        }
    }
}

fn limits(rates: Rates) -> [(Direction, Limits); 2] {
    let limits = |rate| Limits::rate(Rate::bytes_per_second(rate));
    [
        (Direction::Read, limits(rates.read_bytes_per_second)),
        (Direction::Write, limits(rates.write_bytes_per_second)),
    ]
}

#[cfg(test)]
mod tests;
