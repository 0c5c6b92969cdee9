//! Who talked to the hub within the last hour: the gauge `metric_nexus_clients`.

use std::{
    net::IpAddr,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use hashbrown::{Equivalent, HashMap};

use crate::{
    clock::now_ms,
    own_metrics::{OwnFamily, gauge, whole},
};

/// The name of the gauge.
pub(crate) const METRIC: &str = "metric_nexus_clients";
/// How long a client counts after its last authenticated request.
pub(crate) const ACTIVE_MS: u64 = 3_600_000;
/// A client that was seen so lately need not be noted again, which would have the processors fight over its place.
const GRAIN_MS: u64 = 1_000;

/// A client and when it was last seen, kept over restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientSeen {
    pub(crate) key: Box<str>,
    pub(crate) client: Box<str>,
    /// Milliseconds since 1970.
    pub(crate) seen_ms: u64,
}

/// The clients and when each was last seen. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clients_max: usize,
    /// Written to only when a client comes that is not known.
    seen: RwLock<Seen>,
}

type Seen = HashMap<Client, AtomicU64, foldhash::quality::RandomState>;

/// A key, and what tells its users apart: the `X-Client-Id` they send, else their address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Client {
    key: Box<str>,
    name: Name<Box<str>>,
}

/// A text that is an address is that address, so that it need not be written out to be looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name<T> {
    Id(T),
    Address(IpAddr),
}

/// As [`Client`], before anything is allocated.
#[derive(Debug, Hash)]
struct ClientRef<'a> {
    key: &'a str,
    name: Name<&'a str>,
}

impl Equivalent<Client> for ClientRef<'_> {
    fn equivalent(&self, client: &Client) -> bool {
        let is_same = match (&self.name, &client.name) {
            (Name::Id(own), Name::Id(other)) => **own == **other,
            (Name::Address(own), Name::Address(other)) => own == other,
            _ => false,
        };
        is_same && *self.key == *client.key
    }
}

impl<'a> ClientRef<'a> {
    fn named(key: &'a str, name: &'a str) -> Self {
        let name = name.parse().map_or(Name::Id(name), Name::Address);
        ClientRef { key, name }
    }

    fn to_owned(&self) -> Client {
        Client {
            key: self.key.into(),
            name: match self.name {
                Name::Id(id) => Name::Id(id.into()),
                Name::Address(address) => Name::Address(address),
            },
        }
    }
}

impl Clients {
    /// Keeps at most `clients_max` of them; those last seen longest ago make room.
    pub(crate) fn new(clients_max: usize) -> Self {
        Clients {
            shared: Arc::new(Shared {
                clients_max,
                seen: RwLock::default(),
            }),
        }
    }

    /// Notes an authenticated request of a client that says what it is called.
    pub(crate) fn note(&self, key: &str, id: &str, now_ms: u64) {
        self.see(&ClientRef::named(key, id), now_ms);
    }

    /// Notes an authenticated request of a client that does not.
    pub(crate) fn note_address(&self, key: &str, address: IpAddr, now_ms: u64) {
        let name = Name::Address(address);
        self.see(&ClientRef { key, name }, now_ms);
    }

    fn see(&self, client: &ClientRef<'_>, now_ms: u64) {
        if let Some(at) = self.read().get(client) {
            if now_ms.abs_diff(at.load(Relaxed)) >= GRAIN_MS {
                at.store(now_ms, Relaxed);
            }
            return;
        }
        let mut seen = self.shared.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= self.shared.clients_max && !seen.contains_key(client) {
            make_room(&mut seen, self.shared.clients_max, now_ms);
        }
        seen.insert(client.to_owned(), now_ms.into());
    }

    /// How many were seen within the last hour.
    pub(crate) fn active(&self, now_ms: u64) -> usize {
        let seen = self.read();
        seen.values().filter(|at| is_active(at.load(Relaxed), now_ms)).count()
    }

    /// The gauge.
    pub(crate) fn family(&self) -> OwnFamily {
        gauge(
            METRIC,
            "The total number of clients that used MetricNexus within the last hour.",
            &[],
            whole(self.active(now_ms()) as u64),
        )
    }

    /// All that are worth keeping over a restart, in a stable order.
    pub(crate) fn seen(&self) -> Vec<ClientSeen> {
        let seen = self.read();
        let newest = seen.values().map(|at| at.load(Relaxed)).max().unwrap_or(0);
        let mut list: Vec<ClientSeen> = seen
            .iter()
            .map(|(client, at)| ClientSeen {
                key: client.key.clone(),
                client: match &client.name {
                    Name::Id(id) => id.clone(),
                    Name::Address(address) => address.to_string().into(),
                },
                seen_ms: at.load(Relaxed),
            })
            .filter(|client| is_active(client.seen_ms, newest))
            .collect();
        drop(seen);
        list.sort_by(|a, b| (&a.key, &a.client).cmp(&(&b.key, &b.client)));
        list
    }

    pub(crate) fn restore(&self, list: Vec<ClientSeen>) {
        let mut seen = self.shared.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.extend(list.into_iter().map(|one| {
            let client = ClientRef::named(&one.key, &one.client).to_owned();
            (client, one.seen_ms.into())
        }));
    }

    fn read(&self) -> RwLockReadGuard<'_, Seen> {
        self.shared.seen.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_active(seen_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(seen_ms) < ACTIVE_MS
}

/// Drops those who do not count any more; if that is not enough, a tenth of the rest, so that it is not done for each newcomer.
fn make_room(seen: &mut Seen, clients_max: usize, now_ms: u64) {
    seen.retain(|_, at| is_active(*at.get_mut(), now_ms));
    if seen.len() < clients_max {
        return;
    }
    let mut times: Vec<u64> = seen.values().map(|at| at.load(Relaxed)).collect();
    times.sort_unstable();
    let oldest_kept = times.get(times.len() / 10).copied().unwrap_or(u64::MAX);
    seen.retain(|_, at| *at.get_mut() > oldest_kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_count_for_an_hour_by_key_and_id() {
        let clients = Clients::new(10);
        clients.note("a", "1", 1_000);
        clients.note("a", "2", 2_000);
        clients.note("b", "1", 3_000);
        clients.note("a", "1", 4_000);
        assert_eq!(clients.active(4_000), 3);
        assert_eq!(clients.active(2_000 + ACTIVE_MS), 2);
        assert_eq!(clients.active(4_000 + ACTIVE_MS), 0);
    }

    #[test]
    fn an_address_is_one_client_however_it_is_noted() {
        let clients = Clients::new(10);
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        clients.note_address("a", address, 1_000);
        clients.note("a", "2001:db8:0::1", 1_000);
        let seen = clients.seen();
        assert_eq!((seen.len(), &*seen[0].client), (1, "2001:db8::1"));
        let restored = Clients::new(10);
        restored.restore(seen);
        restored.note_address("a", address, 2_000);
        assert_eq!(restored.active(2_000), 1);
    }

    #[test]
    fn the_number_of_clients_is_bounded() {
        let clients = Clients::new(100);
        for n in 0..1_000u64 {
            clients.note("a", &n.to_string(), n);
        }
        assert!(clients.seen().len() <= 100);
        assert!(clients.seen().iter().any(|client| &*client.client == "999"));
    }
}
