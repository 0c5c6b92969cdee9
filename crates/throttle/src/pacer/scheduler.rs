//! Who may move how many bytes next: start-time fair queueing among those who wait, under ceilings, with guarantees.
//!
//! Pure and synchronous: time is an argument, nothing here wakes or sleeps.

use std::{collections::BTreeSet, task::Waker};

use super::{
    node::{Child, Node, Place, Tag, is_idle, join, virtual_time},
    quantum::{Parts, Share},
    slab::{Id, Slab},
};
use crate::limits::Limits;

/// A flow that waits for its turn, or was given one and has not yet taken it.
#[derive(Debug)]
struct Flow {
    node: Id,
    tag: Tag,
    wanted: u64,
    /// Has it moved bytes a moment ago? Then it is given a whole turn even if it asks for less: one that writes in
    /// small pieces gets no less than one that writes in large ones.
    flowing: bool,
    waker: Option<Waker>,
    granted: Option<Grant>,
}

/// A turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) bytes: u64,
    pub(crate) at_ns: u64,
    /// The virtual time to ask with next.
    pub(crate) tag: Tag,
}

/// What a flow asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    /// At least 1.
    pub(crate) wanted: u64,
    /// From its last grant; 0 if it had none.
    pub(crate) tag: Tag,
    /// When it last had a grant; 0 if it never had.
    pub(crate) served_ns: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    nodes: Slab<Node>,
    flows: Slab<Flow>,
    root: Option<Id>,
    /// The gates that someone waits for, by when they open.
    gates: BTreeSet<(u64, Id)>,
    /// Where the search for nodes to forget goes on.
    forget_next: usize,
}

impl Scheduler {
    /// Is anything known of this node?
    pub(crate) fn knows(&self, id: Id) -> bool {
        self.nodes.get(id).is_some()
    }

    /// A node begins to be known. Its parent must be known; without a parent it is the root.
    pub(crate) fn enter(&mut self, parent: Option<Id>, limits: &Limits, now: u64) -> Id {
        let clock = parent
            .and_then(|id| self.nodes.get(id))
            .map_or(0, |parent| parent.clock);
        let id = self.nodes.insert(Node::new(parent, limits, clock, now));
        match parent.and_then(|id| self.nodes.get_mut(id)) {
            Some(parent) => parent.holders += 1,
            None => self.root = Some(id),
        }
        id
    }

    /// A node that nothing waits for ends. What its children did stays charged to its ancestors.
    pub(crate) fn leave(&mut self, id: Id) {
        self.place(id, Place::Out);
        if let Some(parent) = self.nodes.remove(id).and_then(|node| node.parent)
            && let Some(parent) = self.nodes.get_mut(parent)
        {
            parent.holders = parent.holders.saturating_sub(1);
        }
    }

    /// Forgets a few nodes that would be the same if they were entered anew. Called once for each that is entered, it keeps
    /// the known ones to about those that are in use.
    pub(crate) fn forget_some(&mut self, now: u64) {
        for _ in 0..4 {
            self.forget_next = if self.forget_next < self.nodes.places() {
                self.forget_next
            } else {
                0
            };
            if let Some(id) = self.nodes.at(self.forget_next)
                && self.root != Some(id)
                && self.nodes.get(id).is_some_and(|node| node.is_as_new(now))
            {
                self.leave(id);
            }
            self.forget_next += 1;
        }
    }

    /// Other limits for a node.
    pub(crate) fn change(&mut self, id: Id, limits: &Limits, now: u64) {
        let Some(node) = self.nodes.get_mut(id) else { return };
        let (before, parent, counted) = (node.weight, node.parent, node.place != Place::Out);
        node.change(limits, now);
        let after = node.weight;
        if counted && let Some(parent) = parent.and_then(|id| self.nodes.get_mut(id)) {
            parent.weights = parent.weights.saturating_sub(before).saturating_add(after);
        }
        self.refresh_path(Some(id), now);
    }

    /// A flow begins to wait at a node.
    pub(crate) fn enqueue(&mut self, node: Id, ask: Ask, now: u64) -> Id {
        let first = ask.wanted.min(self.turn_at(node));
        self.resume_path(node, first, now);
        let (mut tag, flowing) = (ask.tag, ask.served_ns > 0 && !is_idle(ask.served_ns, now));
        if let Some(node) = self.nodes.get(node) {
            tag = join(ask.tag, ask.served_ns, node.clock, first, 1, now);
        }
        let flow = self.flows.insert(Flow {
            node,
            tag,
            wanted: ask.wanted,
            flowing,
            waker: None,
            granted: None,
        });
        if let Some(node) = self.nodes.get_mut(node) {
            node.by_tag.insert((tag, Child::Flow(flow)));
            node.weights = node.weights.saturating_add(1);
        }
        self.refresh_path(Some(node), now);
        flow
    }

    /// The flow's turn, if it has come; the flow is then gone from here.
    pub(crate) fn collect(&mut self, flow: Id) -> Option<Grant> {
        let grant = self.flows.get(flow)?.granted?;
        let node = self.flows.remove(flow)?.node;
        self.release(node);
        Some(grant)
    }

    /// Whom to wake when the flow's turn comes.
    pub(crate) fn wake_with(&mut self, flow: Id, waker: &Waker) {
        if let Some(flow) = self.flows.get_mut(flow) {
            match &mut flow.waker {
                Some(known) => known.clone_from(waker),
                None => flow.waker = Some(waker.clone()),
            }
        }
    }

    /// The flow does not wait any more. A turn that it did not take is given back.
    pub(crate) fn cancel(&mut self, flow: Id, now: u64) {
        let Some(gone) = self.flows.remove(flow) else { return };
        match gone.granted {
            Some(grant) => {
                self.release(gone.node);
                self.refund(gone.node, grant.bytes, now);
            }
            None => {
                self.unfile(gone.node, gone.tag, flow);
                self.refresh_path(Some(gone.node), now);
            }
        }
    }

    /// Bytes that were moved without a turn.
    pub(crate) fn charge(&mut self, node: Id, bytes: u64, now: u64) {
        self.charge_path(node, bytes, now);
    }

    /// Bytes of a turn that were not moved.
    pub(crate) fn refund(&mut self, node: Id, bytes: u64, now: u64) {
        let mut next = Some(node);
        while let Some(node) = next.and_then(|id| self.nodes.get_mut(id)) {
            node.ceiling.refund(bytes);
            node.guarantee.refund(bytes);
            node.tag = node.tag.saturating_sub(virtual_time(bytes, node.weight));
            next = node.parent;
        }
        self.refresh_path(Some(node), now);
    }

    /// Gives a turn to everyone who may have one now, and notes whom to wake.
    pub(crate) fn dispatch(&mut self, now: u64, wakers: &mut Vec<Waker>) {
        loop {
            while let Some((_, id)) = self.gates.first().copied().filter(|(opens_at, _)| *opens_at <= now) {
                self.refresh_path(Some(id), now);
            }
            let Some((flow, bytes)) = self.pick(now) else {
                return;
            };
            self.grant(flow, bytes, now, wakers);
        }
    }

    /// When there is something to do next, if nobody comes or goes until then.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.gates.first().map(|(opens_at, _)| *opens_at)
    }

    #[cfg(test)]
    pub(crate) fn known(&self) -> usize {
        self.nodes.iter().count()
    }

    /// Everyone who waits.
    pub(crate) fn wakers(&self) -> impl Iterator<Item = Waker> {
        self.flows.iter().filter_map(|flow| flow.waker.clone())
    }

    /// From the root to the flow whose turn it is: its id, and the size of the turn. The nodes on the way remember whether it was
    /// by their guarantee.
    fn pick(&mut self, now: u64) -> Option<(Id, u64)> {
        let root = self.root?;
        let mut node = self
            .nodes
            .get(root)
            .filter(|root| matches!(root.place, Place::Eligible { .. }))?;
        let mut share = node.share(Share::ALL, 0);
        loop {
            let (child, due) = node.next(now)?;
            match child {
                Child::Node(id) => {
                    let weights = node.weights;
                    self.nodes.get_mut(id)?.by_guarantee = due;
                    node = self.nodes.get(id)?;
                    share = node.share(share, weights);
                }
                Child::Flow(id) => {
                    let quantum = share.part(1, node.weights).quantum();
                    let flow = self.flows.get(id)?;
                    let bytes = if flow.flowing {
                        quantum
                    } else {
                        quantum.min(flow.wanted)
                    };
                    return Some((id, bytes));
                }
            }
        }
    }

    /// The size of a turn for one flow more at this node, guarantees aside.
    fn turn_at(&self, node: Id) -> u64 {
        let (mut share, mut weight, mut joins) = (Share::ALL, 1, true);
        let mut parts = Parts::WHOLE;
        let mut next = self.nodes.get(node);
        while let Some(node) = next {
            parts = parts.part(weight, node.weights.saturating_add(if joins { weight } else { 0 }));
            share = share.below_part(node.ceiling.rate(), parts);
            (weight, joins) = (node.weight, node.place == Place::Out);
            next = node.parent.and_then(|id| self.nodes.get(id));
        }
        share.quantum()
    }

    fn grant(&mut self, id: Id, bytes: u64, now: u64, wakers: &mut Vec<Waker>) {
        let Some(flow) = self.flows.get_mut(id) else { return };
        let (node, tag) = (flow.node, flow.tag);
        flow.granted = Some(Grant {
            bytes,
            at_ns: now,
            tag: tag.saturating_add(virtual_time(bytes, 1)),
        });
        wakers.extend(flow.waker.take());
        self.unfile(node, tag, id);
        if let Some(node) = self.nodes.get_mut(node) {
            node.clock = node.clock.max(tag);
            node.holders += 1;
        }
        self.charge_path(node, bytes, now);
    }

    /// A turn was taken or given back.
    fn release(&mut self, node: Id) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.holders = node.holders.saturating_sub(1);
        }
    }

    fn unfile(&mut self, node: Id, tag: Tag, flow: Id) {
        if let Some(node) = self.nodes.get_mut(node)
            && node.by_tag.remove(&(tag, Child::Flow(flow)))
        {
            node.weights = node.weights.saturating_sub(1);
        }
    }

    /// Charges a node and all above it, and files them anew.
    fn charge_path(&mut self, node: Id, bytes: u64, now: u64) {
        let mut next = Some(node);
        while let Some(id) = next
            && let Some(node) = self.nodes.get_mut(id)
        {
            node.ceiling.charge(bytes, now);
            node.served_ns = now;
            let (before, weight) = (node.tag, node.weight);
            let due = std::mem::take(&mut node.by_guarantee);
            if due {
                node.guarantee.charge(bytes, now);
            } else {
                node.guarantee.charge_lightly(bytes, now);
            }
            next = node.parent;
            let mut clock = before;
            if let Some(parent) = next.and_then(|id| self.nodes.get_mut(id)) {
                // A turn by guarantee is ahead of the node's place in the queue: it neither moves the clock nor is held
                // against the node for longer than one round.
                parent.clock = if due { parent.clock } else { parent.clock.max(before) };
                clock = parent.clock;
            }
            if let Some(node) = self.nodes.get_mut(id) {
                let from = if due { before.min(clock) } else { before };
                node.tag = from.saturating_add(virtual_time(bytes, weight));
            }
        }
        self.refresh_path(Some(node), now);
    }

    /// A flow is about to wait below these nodes; those where nobody did are told so.
    fn resume_path(&mut self, node: Id, wanted: u64, now: u64) {
        let mut next = Some(node);
        while let Some(node) = next.and_then(|id| self.nodes.get(id)) {
            let (id, parent, out) = (next, node.parent, node.place == Place::Out);
            if out {
                let clock = parent
                    .and_then(|id| self.nodes.get(id))
                    .map_or(0, |parent| parent.clock);
                if let Some(node) = id.and_then(|id| self.nodes.get_mut(id)) {
                    node.ceiling.resume(now);
                    node.guarantee.resume(now);
                    node.tag = join(node.tag, node.served_ns, clock, wanted, node.weight, now);
                }
            }
            next = parent;
        }
    }

    /// Files a node and all above it where they belong now.
    fn refresh_path(&mut self, node: Option<Id>, now: u64) {
        let mut next = node;
        while let Some(id) = next
            && let Some(node) = self.nodes.get(id)
        {
            next = node.parent;
            let place = self.catch_up(id, node.place, node.place_at(now), now);
            self.place(id, place);
        }
    }

    /// One that comes from behind a gate has no claim on what it could not have had.
    fn catch_up(&mut self, id: Id, from: Place, to: Place, now: u64) -> Place {
        let Place::Eligible { due_at, .. } = to else { return to };
        let clock = self
            .nodes
            .get(id)
            .and_then(|node| self.nodes.get(node.parent?))
            .map_or(0, |parent| parent.clock);
        let Some(node) = self.nodes.get_mut(id) else { return to };
        let late = match from {
            Place::Eligible { .. } => false,
            Place::Gated { .. } => true,
            Place::Out => is_idle(node.served_ns, now),
        };
        if late {
            node.tag = node.tag.max(clock);
        }
        Place::Eligible { tag: node.tag, due_at }
    }

    fn place(&mut self, id: Id, place: Place) {
        let Some(node) = self.nodes.get_mut(id) else { return };
        let before = std::mem::replace(&mut node.place, place);
        if before == place {
            return;
        }
        let (parent, weight) = (node.parent, node.weight);
        match before {
            Place::Out | Place::Eligible { .. } => {}
            Place::Gated { opens_at } => {
                self.gates.remove(&(opens_at, id));
            }
        }
        if let Place::Gated { opens_at } = place {
            self.gates.insert((opens_at, id));
        }
        let Some(parent) = parent.and_then(|id| self.nodes.get_mut(id)) else {
            return;
        };
        let child = Child::Node(id);
        if let Place::Eligible { tag, due_at } = before {
            parent.by_tag.remove(&(tag, child));
            due_at.map(|due_at| parent.by_due.remove(&(due_at, child)));
        }
        if let Place::Eligible { tag, due_at } = place {
            parent.by_tag.insert((tag, child));
            due_at.map(|due_at| parent.by_due.insert((due_at, child)));
        }
        match (before, place) {
            (Place::Out, Place::Out) => {}
            (Place::Out, _) => parent.weights = parent.weights.saturating_add(weight),
            (_, Place::Out) => parent.weights = parent.weights.saturating_sub(weight),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
