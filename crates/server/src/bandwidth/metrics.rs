//! What the limiters say of themselves.

use nexus_metric::Kind;
use nexus_throttle::{Counters, Direction, Limiter};

use super::Bandwidth;
use crate::own_metrics::{OwnFamily, sample, whole};

/// What the limiters say of themselves.
pub(crate) fn families(bandwidth: &Bandwidth) -> Vec<OwnFamily> {
    let nodes = nodes(bandwidth);
    let family = |name: &str, help: &str, kind, value: fn(&Node) -> f64| OwnFamily {
        name: name.to_owned(),
        help: help.to_owned(),
        kind,
        samples: nodes.iter().map(|node| sample(&node.labels(), value(node))).collect(),
    };
    vec![
        family(
            "metric_nexus_throttle_bytes_total",
            "Bytes that passed a limit on bandwidth: the server's on the wire, a key's in bodies.",
            Kind::Counter,
            |node| whole(node.counters.bytes),
        ),
        family(
            "metric_nexus_throttle_waits_total",
            "Times that bytes had to wait at a limit on bandwidth.",
            Kind::Counter,
            |node| whole(node.counters.waits),
        ),
        family(
            "metric_nexus_throttle_waited_seconds_total",
            "How long they waited, together.",
            Kind::Counter,
            |node| node.counters.waited.as_secs_f64(),
        ),
        family(
            "metric_nexus_throttle_waiting",
            "How many wait at a limit on bandwidth.",
            Kind::Gauge,
            |node| whole(node.counters.waiting),
        ),
        family(
            "metric_nexus_throttle_limit_bytes_per_second",
            "The limits on bandwidth; 0 is unlimited.",
            Kind::Gauge,
            |node| whole(node.limit),
        ),
    ]
}

struct Node {
    /// Empty for the server.
    key: String,
    direction: &'static str,
    counters: Counters,
    limit: u64,
}

impl Node {
    fn of(key: &str, limiter: &Limiter) -> [Self; 2] {
        [(Direction::Read, "read"), (Direction::Write, "write")].map(|(way, direction)| Node {
            key: key.to_owned(),
            direction,
            counters: limiter.counters(way),
            limit: limiter.limits(way).rate.get(),
        })
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        let node = if self.key.is_empty() { "server" } else { "key" };
        let key = (!self.key.is_empty()).then_some(("key", &*self.key));
        [("node", node), ("direction", self.direction)]
            .into_iter()
            .chain(key)
            .collect()
    }
}

fn nodes(bandwidth: &Bandwidth) -> Vec<Node> {
    let shared = &*bandwidth.shared;
    let keys: Vec<_> = {
        let state = shared.lock();
        let keys = state.keys.iter();
        keys.map(|(name, key)| (name.clone(), key.own.clone())).collect()
    };
    let mut nodes: Vec<Node> = Node::of("", &shared.server).into();
    nodes.extend(keys.iter().flat_map(|(name, own)| Node::of(name, own)));
    nodes
}
