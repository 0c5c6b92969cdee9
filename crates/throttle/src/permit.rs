//! A place among those who wait.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll, ready},
    time::Duration,
};

use crate::{
    limiter::{Limiter, Passage},
    limits::Direction,
    pacer::{Ask, Grant, Id, LATENESS_MAX},
};

/// The node was closed: no more bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limiter of this stream was closed")]
pub struct Closed;

impl From<Closed> for io::Error {
    fn from(closed: Closed) -> Self {
        io::Error::new(io::ErrorKind::ConnectionAborted, closed)
    }
}

/// What one stream keeps for one direction: its place among those who wait, and what it may still move.
///
/// To put a limit on an own stream, hold one for each direction beside it, and for each I/O
/// 1. ask [`poll_allow`](Self::poll_allow) how many bytes it may move,
/// 2. move no more than that, and
/// 3. tell how it went: [`moved`](Self::moved) if bytes were moved, [`give_back`](Self::give_back) if the I/O is pending,
///    failed or found the end.
///
/// [`Throttled`](crate::Throttled) does exactly this. For bytes that are there already, such as the frames of a body, ask
/// [`poll_pay`](Self::poll_pay).
///
/// Dropping it ends its wait and gives back what it did not use.
#[derive(Debug)]
pub struct Permit {
    node: Limiter,
    direction: Direction,
    waiting: Option<Wait>,
    allowance: u64,
    /// From the last turn: when it was, and the virtual time with which to ask for the next.
    served_ns: u64,
    tag: u128,
}

/// In the queue since then.
#[derive(Debug, Clone, Copy)]
struct Wait {
    flow: Id,
    since_ns: u64,
}

/// A flow that got no turn at once.
struct Queued {
    flow: Id,
    now_ns: u64,
}

impl Limiter {
    /// Waits until so many bytes may pass, and counts them. Bytes that were paid for when the future is dropped before its
    /// end are given back. For a stream, a [`Permit`] is fairer and cheaper, since it remembers its place.
    ///
    /// # Errors
    ///
    /// The node was closed.
    pub async fn acquire(&self, direction: Direction, bytes: u64) -> Result<(), Closed> {
        let mut permit = Permit::new(self.clone(), direction);
        poll_fn(|cx| permit.poll_pay(cx, bytes)).await
    }
}

impl Permit {
    /// Charges this node, and all above it, for bytes that go this way.
    pub fn new(node: Limiter, direction: Direction) -> Self {
        Self {
            node,
            direction,
            waiting: None,
            allowance: 0,
            served_ns: 0,
            tag: 0,
        }
    }

    /// The node that is charged.
    pub fn node(&self) -> &Limiter {
        &self.node
    }

    /// Does it wait for its turn?
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Charges another node from now on, of the same tree or another. A wait ends and is to be begun anew: whoever waits
    /// must poll again (a task that calls this between two polls of its own I/O does so anyway).
    pub fn set_node(&mut self, node: Limiter) {
        self.give_back();
        self.node = node;
        self.served_ns = 0;
        self.tag = 0;
    }

    /// Waits until bytes may be moved; how many: from 1 to `wanted` (0 only if 0 are wanted).
    ///
    /// # Errors
    ///
    /// The node was closed.
    #[inline]
    pub fn poll_allow(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Closed>> {
        if self.waiting.is_none() && self.node.passage(self.direction) == Passage::Free {
            return Poll::Ready(Ok(wanted));
        }
        self.poll_allow_limited(cx, wanted)
    }

    fn poll_allow_limited(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Closed>> {
        if wanted == 0 {
            return Poll::Ready(Ok(0));
        }
        self.return_if_stale();
        if self.allowance == 0 || self.waiting.is_some() {
            ready!(self.poll_turn(cx, u64::try_from(wanted).unwrap_or(u64::MAX)))?;
        } else if self.node.passage(self.direction) == Passage::Closed {
            return Poll::Ready(Err(Closed));
        }
        let allowed = usize::try_from(self.allowance).unwrap_or(usize::MAX).min(wanted);
        Poll::Ready(Ok(allowed))
    }

    /// So many bytes were moved. If they are more than were allowed, the rest is owed.
    #[inline]
    pub fn moved(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.allowance == 0 && self.node.passage(self.direction) == Passage::Free {
            self.node.cells(self.direction).note_bytes(bytes);
            return;
        }
        let paid = bytes.min(self.allowance);
        self.allowance -= paid;
        self.node.cells(self.direction).note_bytes(paid);
        if bytes > paid {
            self.node.charge(self.direction, bytes - paid);
        }
    }

    /// Counts bytes that are not to be delayed, such as a handshake's. What is above the limit delays those that follow.
    pub fn charge(&mut self, bytes: usize) {
        self.moved(bytes);
    }

    /// Ends the wait, if there is one, and returns what was allowed and not moved, so that others may use it.
    #[inline]
    pub fn give_back(&mut self) {
        if self.waiting.is_some() || self.allowance > 0 {
            self.give_back_limited();
        }
    }

    fn give_back_limited(&mut self) {
        if let Some(Wait { flow, since_ns }) = self.waiting.take() {
            let waited = self.node.pacer(self.direction).with(|scheduler, now| {
                scheduler.cancel(flow, now);
                now.saturating_sub(since_ns)
            });
            self.node.cells(self.direction).note_wait_ends(waited);
        }
        let unused = std::mem::take(&mut self.allowance);
        if unused > 0 {
            self.tag = self.tag.saturating_sub(u128::from(unused) << 32);
            self.node
                .with_known(self.direction, |scheduler, id, now| scheduler.refund(id, unused, now));
        }
    }

    /// Waits until so many bytes, which are there already, may go on, and counts them. To be polled with the same number until
    /// it is ready. A frame that is larger than a turn waits for several, so others go in between.
    ///
    /// # Errors
    ///
    /// The node was closed.
    pub fn poll_pay(&mut self, cx: &mut Context<'_>, bytes: u64) -> Poll<Result<(), Closed>> {
        if self.waiting.is_none() {
            self.return_if_stale();
        }
        loop {
            match self.node.passage(self.direction) {
                Passage::Closed => {
                    self.give_back();
                    return Poll::Ready(Err(Closed));
                }
                Passage::Free => {
                    self.give_back();
                    self.node.cells(self.direction).note_bytes(bytes);
                    return Poll::Ready(Ok(()));
                }
                Passage::Limited if self.allowance >= bytes && self.waiting.is_none() => {
                    self.allowance -= bytes;
                    self.node.cells(self.direction).note_bytes(bytes);
                    return Poll::Ready(Ok(()));
                }
                Passage::Limited => {
                    let missing = bytes.saturating_sub(self.allowance).max(1);
                    ready!(self.poll_turn(cx, missing))?;
                }
            }
        }
    }

    /// Adds a turn to the allowance.
    fn poll_turn(&mut self, cx: &mut Context<'_>, wanted: u64) -> Poll<Result<(), Closed>> {
        if self.node.passage(self.direction) == Passage::Closed {
            self.give_back();
            return Poll::Ready(Err(Closed));
        }
        match self.waiting {
            None => self.ask(cx, wanted),
            Some(Wait { flow, since_ns }) => {
                let turn = self.node.pacer(self.direction).with_then(
                    |_, _| (),
                    |scheduler, ()| {
                        let turn = scheduler.collect(flow);
                        if turn.is_none() {
                            scheduler.wake_with(flow, cx.waker());
                        }
                        turn
                    },
                );
                let Some(turn) = turn else { return Poll::Pending };
                self.waiting = None;
                self.node
                    .cells(self.direction)
                    .note_wait_ends(turn.at_ns.saturating_sub(since_ns));
                self.take(turn);
                Poll::Ready(Ok(()))
            }
        }
    }

    fn ask(&mut self, cx: &mut Context<'_>, wanted: u64) -> Poll<Result<(), Closed>> {
        let ask = Ask {
            wanted,
            tag: self.tag,
            served_ns: self.served_ns,
        };
        let (node, direction) = (&self.node, self.direction);
        let answer = node.pacer(direction).with_then(
            |scheduler, now_ns| {
                let id = node.known_to(scheduler, direction, now_ns);
                let flow = scheduler.enqueue(id, ask, now_ns);
                Queued { flow, now_ns }
            },
            |scheduler, queued| match scheduler.collect(queued.flow) {
                Some(turn) => Ok(turn),
                None => {
                    scheduler.wake_with(queued.flow, cx.waker());
                    Err(queued)
                }
            },
        );
        match answer {
            Ok(turn) => {
                self.take(turn);
                Poll::Ready(Ok(()))
            }
            Err(Queued { flow, now_ns }) => {
                self.waiting = Some(Wait { flow, since_ns: now_ns });
                self.node.cells(self.direction).note_wait_begins();
                Poll::Pending
            }
        }
    }

    fn take(&mut self, turn: Grant) {
        self.allowance = self.allowance.saturating_add(turn.bytes);
        self.served_ns = turn.at_ns;
        self.tag = turn.tag;
    }

    /// An allowance is of its time: many that were kept would together be a burst.
    fn return_if_stale(&mut self) {
        if self.allowance > 0 && self.waiting.is_none() {
            let age_ns = self.node.pacer(self.direction).now_ns().saturating_sub(self.served_ns);
            if Duration::from_nanos(age_ns) > LATENESS_MAX {
                self.give_back_limited();
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back();
    }
}
