//! The tree of nodes, as its users hold it.

mod children;
mod gate;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use arc_swap::ArcSwap;

use crate::{
    counters::{Cells, Counters},
    limits::{Direction, Each, Limits},
    pacer::{Id, Pacer, Scheduler},
};
use children::Children;
use gate::Gate;
pub(crate) use gate::Passage;

/// A node of a tree of limits: a server, a tenant, a connection. What goes through a node goes through all above it.
///
/// The handle is cheap to clone; clones are the same node. A child keeps its parent. When the last handle of a node is
/// dropped, it leaves its parent, which keeps what it counted.
///
/// Each node has [`Limits`] for each [`Direction`], changed at any time for everyone who uses or waits at it.
///
/// ```
/// use nexus_throttle::{Direction, Limiter, Limits, Rate};
///
/// let server = Limiter::new();
/// server.set_limits(Direction::Write, Rate::kib_per_second(25_600).into());
/// server.set_child_limits(Direction::Write, Rate::kib_per_second(256).into());
///
/// let connection = server.child();
/// assert_eq!(connection.limits(Direction::Write).rate, Rate::kib_per_second(256));
/// ```
#[derive(Debug, Clone)]
pub struct Limiter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tree: Arc<Tree>,
    parent: Option<Limiter>,
    name: Option<Box<str>>,
    limits: ArcSwap<Each<Limits>>,
    children: Mutex<Option<Box<Children>>>,
    place_in_parent: usize,
    gate: Each<Gate>,
    cells: Each<Cells>,
    /// What the pacers know the node as, if they do. Written under the pacer's lock.
    known_as: Each<AtomicU64>,
}

/// What all nodes of a tree share. Locks are taken in this order: `changes`, a node's `children`, a pacer.
#[derive(Debug)]
struct Tree {
    /// Held while limits change or a node is added, so that no node misses what was set for all.
    changes: Mutex<()>,
    pacers: Each<Arc<Pacer>>,
}

impl Limiter {
    /// The root of another tree, without limits.
    pub fn new() -> Self {
        let tree = Tree {
            changes: Mutex::default(),
            pacers: Each {
                read: Pacer::new(),
                write: Pacer::new(),
            },
        };
        Self(Arc::new(Inner {
            tree: Arc::new(tree),
            parent: None,
            name: None,
            limits: ArcSwap::default(),
            children: Mutex::default(),
            place_in_parent: 0,
            gate: Each::default(),
            cells: Each::default(),
            known_as: Each::default(),
        }))
    }

    /// A node below this one, with this one's [child limits](Self::child_limits).
    #[must_use]
    pub fn child(&self) -> Self {
        self.add_child(None)
    }

    /// The same with a name, under which [`named`](Self::named) lists it. Names need not be unique.
    #[must_use]
    pub fn named_child(&self, name: impl Into<Box<str>>) -> Self {
        self.add_child(Some(name.into()))
    }

    fn add_child(&self, name: Option<Box<str>>) -> Self {
        let _changes = self.0.tree.changes();
        let mut children = self.0.children();
        let children = children.get_or_insert_default();
        let limits = Arc::clone(&children.limits);
        let child = Arc::new_cyclic(|this| Inner {
            tree: Arc::clone(&self.0.tree),
            parent: Some(self.clone()),
            name,
            gate: Each {
                read: self.0.gate.read.below(limits.read.rate),
                write: self.0.gate.write.below(limits.write.rate),
            },
            limits: ArcSwap::new(limits),
            children: Mutex::default(),
            place_in_parent: children.insert(this.clone()),
            cells: Each::default(),
            known_as: Each::default(),
        });
        Self(child)
    }

    /// The name it was made with.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The node above; the root has none.
    pub fn parent(&self) -> Option<&Limiter> {
        self.0.parent.as_ref()
    }

    /// Are these handles of one node?
    pub fn is(&self, other: &Limiter) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The limits of this node.
    pub fn limits(&self, direction: Direction) -> Limits {
        *self.0.limits.load().of(direction)
    }

    /// Sets the limits of this node. They hold at once, also for those who wait: their waits are reckoned anew.
    /// Bytes that went under other limits are held against the new one for one quantum at most.
    pub fn set_limits(&self, direction: Direction, limits: Limits) {
        let _changes = self.0.tree.changes();
        let pair = Arc::new(with(&self.0.limits.load(), direction, limits));
        self.0
            .pacer(direction)
            .with(|scheduler, now| self.0.change(scheduler, now, direction, &pair));
        self.update_gates(direction);
    }

    /// The limits of children to come.
    pub fn child_limits(&self, direction: Direction) -> Limits {
        let children = self.0.children();
        children
            .as_ref()
            .map_or(Limits::UNLIMITED, |children| *children.limits.of(direction))
    }

    /// Sets the limits of every child there is, also of those that had their own, and of those to come.
    pub fn set_child_limits(&self, direction: Direction, limits: Limits) {
        let _changes = self.0.tree.changes();
        let (pair, present) = {
            let mut children = self.0.children();
            let children = children.get_or_insert_default();
            children.limits = Arc::new(with(&children.limits, direction, limits));
            (Arc::clone(&children.limits), children.present())
        };
        self.0.pacer(direction).with(|scheduler, now| {
            for child in &present {
                let current = child.0.limits.load();
                // Those with the same limits in the other direction share one value.
                let other = with(&current, direction, limits);
                let pair = if other == *pair {
                    Arc::clone(&pair)
                } else {
                    Arc::new(other)
                };
                drop(current);
                child.0.change(scheduler, now, direction, &pair);
            }
        });
        for child in present {
            child.update_gates(direction);
        }
    }

    /// The children that there are.
    pub fn children(&self) -> impl Iterator<Item = Limiter> + use<> {
        let present = self
            .0
            .children()
            .as_ref()
            .map_or_else(Vec::new, |children| children.present());
        present.into_iter()
    }

    /// The nodes below this one that have a name, parents before their children. What is below a nameless node is not looked at.
    pub fn named(&self) -> impl Iterator<Item = Limiter> + use<> {
        let mut open: Vec<Limiter> = self.named_children();
        std::iter::from_fn(move || {
            let next = open.pop()?;
            open.extend(next.named_children());
            Some(next)
        })
    }

    fn named_children(&self) -> Vec<Limiter> {
        let mut named: Vec<_> = self.children().filter(|child| child.name().is_some()).collect();
        named.reverse();
        named
    }

    /// What went through this node and everything that is or was below it. Those who move bytes are not held up by it.
    pub fn counters(&self, direction: Direction) -> Counters {
        let mut total = self.0.cells.of(direction).read();
        let (past, present) = match self.0.children().as_ref() {
            None => return total,
            Some(children) => (*children.past.of(direction), children.present()),
        };
        total.add(past);
        for child in &present {
            total.add(child.counters(direction));
        }
        // A child that is on its way out is not among the present and perhaps not yet in the past.
        match self.0.children().as_mut() {
            Some(children) => children.report(direction, total),
            None => total,
        }
    }

    /// Ends every wait at this node and below it, and refuses every byte from now on with [`Closed`](crate::Closed), for good.
    pub fn close(&self) {
        let _changes = self.0.tree.changes();
        let mut open = vec![self.clone()];
        while let Some(next) = open.pop() {
            next.0.gate.read.close();
            next.0.gate.write.close();
            open.extend(next.children());
        }
        for direction in Direction::BOTH {
            self.0.pacer(direction).wake_all();
        }
    }

    /// Counts bytes that are not to be delayed. Others are: what is above its limit is owed by this node and all above it,
    /// until the time that it takes is over or the limit changes.
    pub fn charge(&self, direction: Direction, bytes: u64) {
        self.0.cells.of(direction).note_bytes(bytes);
        if self.passage(direction) == Passage::Limited && bytes > 0 {
            self.with_known(direction, |scheduler, id, now| scheduler.charge(id, bytes, now));
        }
    }

    pub(crate) fn passage(&self, direction: Direction) -> Passage {
        self.0.gate.of(direction).passage()
    }

    pub(crate) fn cells(&self, direction: Direction) -> &Cells {
        self.0.cells.of(direction)
    }

    pub(crate) fn pacer(&self, direction: Direction) -> &Arc<Pacer> {
        self.0.pacer(direction)
    }

    pub(crate) fn with_known<R>(&self, direction: Direction, act: impl FnOnce(&mut Scheduler, Id, u64) -> R) -> R {
        self.0.pacer(direction).with(|scheduler, now| {
            let id = self.known_to(scheduler, direction, now);
            act(scheduler, id, now)
        })
    }

    /// The id by which the scheduler knows this node; it and those above it are made known if they are not.
    pub(crate) fn known_to(&self, scheduler: &mut Scheduler, direction: Direction, now: u64) -> Id {
        let known = |inner: &Inner| Id::from_bits(inner.known_as.of(direction).load(Relaxed));
        let mut unknown = Vec::new();
        let mut parent = None;
        let mut next = Some(self);
        while let Some(node) = next {
            let id = known(&node.0);
            if scheduler.knows(id) {
                parent = Some(id);
                break;
            }
            unknown.push(node);
            next = node.parent();
        }
        if !unknown.is_empty() {
            scheduler.forget_some(now);
            // What was just forgotten may have been the parent that was just found.
            if parent.is_some_and(|parent| !scheduler.knows(parent)) {
                return self.known_to(scheduler, direction, now);
            }
        }
        for node in unknown.into_iter().rev() {
            let id = scheduler.enter(parent, node.0.limits.load().of(direction), now);
            node.0.known_as.of(direction).store(id.to_bits(), Relaxed);
            parent = Some(id);
        }
        known(&self.0)
    }

    /// Tells this node and all below it whether there is a limit above them.
    fn update_gates(&self, direction: Direction) {
        let mut open = vec![self.clone()];
        while let Some(next) = open.pop() {
            let above = next.parent().map(|parent| parent.0.gate.of(direction));
            let changed = next.0.gate.of(direction).update(above, next.limits(direction).rate);
            if changed {
                open.extend(next.children());
            }
        }
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    fn changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn pacer(&self, direction: Direction) -> &Arc<Pacer> {
        self.tree.pacers.of(direction)
    }

    fn children(&self) -> MutexGuard<'_, Option<Box<Children>>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Limits are stored under the pacer's lock, so that a node that becomes known has the latest.
    fn change(&self, scheduler: &mut Scheduler, now: u64, direction: Direction, pair: &Arc<Each<Limits>>) {
        self.limits.store(Arc::clone(pair));
        let id = Id::from_bits(self.known_as.of(direction).load(Relaxed));
        scheduler.change(id, pair.of(direction), now);
    }
}

impl Inner {
    /// Leaves the parent, which is returned: the first time only.
    fn leave(&mut self) -> Option<Limiter> {
        let parent = self.parent.take()?;
        let mut counted = Each::default();
        for direction in Direction::BOTH {
            let id = Id::from_bits(self.known_as.of(direction).load(Relaxed));
            if id != Id::default() {
                self.pacer(direction).with(|scheduler, _| scheduler.leave(id));
            }
            let total: &mut Counters = counted.of_mut(direction);
            *total = self.cells.of(direction).read();
            if let Some(children) = self.children().as_ref() {
                total.add(*children.past.of(direction));
            }
        }
        if let Some(children) = parent.0.children().as_mut() {
            children.remove(self.place_in_parent, counted);
        }
        Some(parent)
    }
}

/// Not by recursion: a tree may be deep.
impl Drop for Inner {
    fn drop(&mut self) {
        let mut next = self.leave();
        while let Some(parent) = next {
            next = Arc::into_inner(parent.0).and_then(|mut inner| inner.leave());
        }
    }
}

fn with(pair: &Each<Limits>, direction: Direction, limits: Limits) -> Each<Limits> {
    let mut pair = *pair;
    *pair.of_mut(direction) = limits;
    pair
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Rate;

    #[test]
    fn a_registered_connection_is_two_hundred_bytes_at_most() {
        // Its node with two counts of references, and what its parent keeps of it, in a list that has grown to twice its need.
        let bytes = size_of::<Inner>() + 2 * size_of::<usize>() + 2 * size_of::<Option<std::sync::Weak<Inner>>>();
        assert!(bytes <= 200, "{bytes}");
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_did_nothing_for_a_while_are_forgotten() {
        let root = Limiter::new();
        root.set_limits(Direction::Write, Rate::bytes_per_second(100_000).into());
        let keys: Vec<_> = (0..10).map(|_| root.child()).collect();
        let connections: Vec<_> = (0..1000).map(|at: usize| keys[at % 10].child()).collect();
        let mut known_max = 0;
        for connection in connections.iter().chain(&connections) {
            connection.acquire(Direction::Write, 100).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            known_max = known_max.max(root.pacer(Direction::Write).with(|scheduler, _| scheduler.known()));
        }
        // The root, ten keys, those of the last 250 ms, and a few that were not yet looked at.
        assert!(known_max <= 120, "{known_max}");
        assert_eq!(root.counters(Direction::Write).bytes, 200_000);
    }
}
