//! Who talked to the hub within the last hour: the gauge `metric_nexus_clients`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::snapshot::ClientSeen;

/// How long a client counts after its last authenticated request.
/// The name of the gauge.
pub(crate) const METRIC: &str = "metric_nexus_clients";
/// How long a client counts after its last authenticated request.
pub(crate) const ACTIVE_MS: u64 = 3_600_000;

/// The clients and when each was last seen. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clients_max: usize,
    seen: Mutex<HashMap<Client, u64>>,
}

/// A key, and what tells its users apart: the `X-Client-Id` they send, else their address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Client {
    key: Box<str>,
    client: Box<str>,
}

impl Clients {
    /// Keeps at most `clients_max` of them; those last seen longest ago make room.
    pub(crate) fn new(clients_max: usize) -> Self {
        Clients {
            shared: Arc::new(Shared {
                clients_max,
                seen: Mutex::default(),
            }),
        }
    }

    /// Notes an authenticated request.
    pub(crate) fn note(&self, key: &str, client: &str, now_ms: u64) {
        let mut seen = self.lock();
        let client = Client {
            key: key.into(),
            client: client.into(),
        };
        if seen.len() >= self.shared.clients_max && !seen.contains_key(&client) {
            make_room(&mut seen, self.shared.clients_max, now_ms);
        }
        seen.insert(client, now_ms);
    }

    /// How many were seen within the last hour.
    pub(crate) fn active(&self, now_ms: u64) -> usize {
        self.lock().values().filter(|seen| is_active(**seen, now_ms)).count()
    }

    /// All that are worth keeping over a restart, in a stable order.
    pub(crate) fn seen(&self) -> Vec<ClientSeen> {
        let seen = self.lock();
        let newest = seen.values().copied().max().unwrap_or(0);
        let mut list: Vec<ClientSeen> = seen
            .iter()
            .filter(|(_, seen)| is_active(**seen, newest))
            .map(|(client, seen)| ClientSeen {
                key: client.key.clone(),
                client: client.client.clone(),
                seen_ms: *seen,
            })
            .collect();
        drop(seen);
        list.sort_by(|a, b| (&a.key, &a.client).cmp(&(&b.key, &b.client)));
        list
    }

    pub(crate) fn restore(&self, list: Vec<ClientSeen>) {
        let mut seen = self.lock();
        seen.extend(list.into_iter().map(|one| {
            (
                Client {
                    key: one.key,
                    client: one.client,
                },
                one.seen_ms,
            )
        }));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Client, u64>> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_active(seen_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(seen_ms) < ACTIVE_MS
}

/// Drops those who do not count any more; if that is not enough, a tenth of the rest, so that it is not done for each newcomer.
fn make_room(seen: &mut HashMap<Client, u64>, clients_max: usize, now_ms: u64) {
    seen.retain(|_, at| is_active(*at, now_ms));
    if seen.len() < clients_max {
        return;
    }
    let mut times: Vec<u64> = seen.values().copied().collect();
    times.sort_unstable();
    let oldest_kept = times.get(times.len() / 10).copied().unwrap_or(u64::MAX);
    seen.retain(|_, at| *at > oldest_kept);
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
    fn the_number_of_clients_is_bounded() {
        let clients = Clients::new(100);
        for n in 0..1_000u64 {
            clients.note("a", &n.to_string(), n);
        }
        assert!(clients.seen().len() <= 100);
        assert!(clients.seen().iter().any(|client| &*client.client == "999"));
    }
}
