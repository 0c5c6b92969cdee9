//! Who gets how much when several share a limit.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::rate::Rate;

#[derive(Debug, Clone)]
enum Step {
    Wait(usize, u64),
    Cancel(usize),
    Collect(usize),
    Charge(usize, u64),
    Change(usize, Limits),
    Pass(u64),
}

fn limits() -> impl Strategy<Value = Limits> {
    let rate = prop_oneof![
        2 => Just(0),
        1 => Just(1),
        6 => 100..10_000_000_u64,
        1 => Just(100_000_000_000),
        1 => Just(u64::MAX),
    ];
    (
        rate.clone(),
        prop_oneof![3 => Just(0), 1 => 0..100_000_u64, 1 => Just(u64::MAX)],
        1..=u16::MAX,
        rate,
    )
        .prop_map(|(rate, burst, weight, guaranteed)| {
            Limits::rate(Rate::bytes_per_second(rate))
                .with_burst(burst)
                .with_weight(weight.try_into().unwrap())
                .with_guaranteed(Rate::bytes_per_second(guaranteed))
        })
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![8 => 1..100_000_u64, 1 => Just(u64::MAX)];
    prop_oneof![
        6 => (any::<usize>(), bytes.clone()).prop_map(|(node, bytes)| Step::Wait(node, bytes)),
        1 => any::<usize>().prop_map(Step::Cancel),
        4 => any::<usize>().prop_map(Step::Collect),
        1 => (any::<usize>(), bytes).prop_map(|(node, bytes)| Step::Charge(node, bytes)),
        1 => (any::<usize>(), limits()).prop_map(|(node, limits)| Step::Change(node, limits)),
        4 => prop_oneof![1..50_000_000_u64, Just(1), Just(u64::MAX / 4)].prop_map(Step::Pass),
    ]
}

impl Scheduler {
    /// Everything is filed where it belongs, and whoever waits does so behind a gate.
    fn check(&self, nodes: &[Id], now: u64) {
        for id in nodes {
            let node = self.nodes.get(*id).unwrap();
            assert_eq!(node.place, node.place_at(now));
            let children = nodes.iter().filter_map(|child| Some((*child, self.nodes.get(*child)?)));
            let children = children.filter(|(_, child)| child.parent == Some(*id));
            let (mut by_tag, mut by_due, mut weights) = (BTreeSet::new(), BTreeSet::new(), 0);
            for (id, child) in children {
                if child.place != Place::Out {
                    weights += child.weight;
                }
                if let Place::Eligible { tag, due_at } = child.place {
                    by_tag.insert((tag, Child::Node(id)));
                    by_due.extend(due_at.map(|due_at| (due_at, Child::Node(id))));
                }
            }
            for (_, child) in &node.by_tag {
                let Child::Flow(flow) = child else { continue };
                let tag = self.flows.get(*flow).unwrap().tag;
                assert_eq!(self.flows.get(*flow).unwrap().granted, None);
                by_tag.insert((tag, *child));
                weights += 1;
            }
            assert_eq!((&by_tag, &by_due, weights), (&node.by_tag, &node.by_due, node.weights));
            assert_eq!(
                matches!(node.place, Place::Gated { .. }),
                self.gates.iter().any(|(_, gate)| gate == id)
            );
        }
        for flow in self.flows.iter().filter(|flow| flow.granted.is_none()) {
            let path = std::iter::successors(Some(flow.node), |id| self.nodes.get(*id)?.parent);
            assert!(
                path.into_iter()
                    .any(|id| matches!(self.nodes.get(id).unwrap().place, Place::Gated { .. }))
            );
        }
        assert!(self.next_ns().is_none_or(|next| next > now));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whoever_waits_waits_for_a_gate(
        parents in prop::collection::vec((any::<usize>(), limits()), 1..8),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut scheduler = Scheduler::default();
        let (mut now, mut nodes, mut wakers) = (1, Vec::<Id>::new(), Vec::new());
        for (parent, limits) in &parents {
            let parent = nodes.get(parent % nodes.len().max(1)).copied();
            nodes.push(scheduler.enter(parent, limits, now));
        }
        let mut flows: BTreeMap<Id, Id> = BTreeMap::new();
        let nth = |flows: &BTreeMap<Id, Id>, n: usize| flows.keys().nth(n % flows.len().max(1)).copied();
        for step in steps {
            match step {
                Step::Wait(node, wanted) => {
                    let node = nodes[node % nodes.len()];
                    let ask = Ask { wanted, tag: 0, served_ns: 0 };
                    flows.insert(scheduler.enqueue(node, ask, now), node);
                }
                Step::Cancel(n) => if let Some(flow) = nth(&flows, n) {
                    scheduler.cancel(flow, now);
                    flows.remove(&flow);
                },
                Step::Collect(n) => if let Some(flow) = nth(&flows, n)
                    && let Some(grant) = scheduler.collect(flow)
                {
                    prop_assert!(grant.bytes > 0);
                    let node = flows.remove(&flow).unwrap();
                    scheduler.refund(node, grant.bytes / 3, now);
                },
                Step::Charge(node, bytes) => scheduler.charge(nodes[node % nodes.len()], bytes, now),
                Step::Change(node, limits) => scheduler.change(nodes[node % nodes.len()], &limits, now),
                Step::Pass(ns) => now += ns,
            }
            now = now.min(u64::MAX / 2);
            scheduler.dispatch(now, &mut wakers);
            scheduler.check(&nodes, now);
        }
        // When all have gone, nothing is left of them.
        for flow in flows.into_keys() {
            scheduler.cancel(flow, now);
        }
        scheduler.check(&nodes, now);
        for node in nodes.into_iter().rev() {
            scheduler.leave(node);
        }
        prop_assert_eq!((scheduler.nodes.iter().count(), scheduler.gates.len()), (0, 0));
    }
}
