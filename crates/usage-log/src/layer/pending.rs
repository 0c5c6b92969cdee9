//! A request that is under way: what is counted for it, and its record, which is made once, at its end.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{WireBytes, recorder::NotedRequest};
use crate::{Amounts, Clock, Dimensions, Outcome, Record};

/// Who a pending record is of, and where it goes.
pub trait Recorder: fmt::Debug + Send + Sync + 'static {
    /// Who asks for what; status and outcome are the pending record's to say.
    fn dimensions(&self) -> Dimensions;

    /// Takes a record, or leaves it out without having it made. Must not wait.
    fn record(&self, record: impl FnOnce() -> Record);

    /// The request has ended, and took this in all, before anything is known of the wire. Called once.
    fn ended(&self, _took: &Amounts) {}

    /// The record was dropped before it was finished: whoever should have finished it did not. It is recorded as it was
    /// seen, right after this.
    fn unfinished(&self) {
        tracing::error!("a request's record was dropped before it was finished: it is recorded as it was seen");
    }
}

/// A request that is under way, and whose record is not written yet: with its [end](Self::end) what it used is final, and
/// [`finish`](Self::finish) writes its record. Long requests give interim slices as bytes pass.
///
/// It is written exactly once. Dropped before it is finished, it is written with what was seen, and
/// [told](Recorder::unfinished) as a defect.
#[derive(Debug)]
pub struct PendingRecord<R: Recorder = NotedRequest> {
    recorder: R,
    clock: Clock,
    slice_interval: Duration,
    head_bytes_in: AtomicU64,
    head_bytes_out: AtomicU64,
    body_bytes_in: AtomicU64,
    body_bytes: AtomicU64,
    status: AtomicU16,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    began: Instant,
    /// What stands in slices.
    sliced: Amounts,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    UnderWay,
    Ended {
        at: crate::Time,
        took: Duration,
        outcome: Outcome,
    },
    Finished,
}

impl<R: Recorder> PendingRecord<R> {
    /// For a request that begins.
    pub fn begin(recorder: R, clock: Clock, slice_interval: Duration) -> Self {
        PendingRecord {
            recorder,
            clock,
            slice_interval,
            head_bytes_in: AtomicU64::new(0),
            head_bytes_out: AtomicU64::new(0),
            body_bytes_in: AtomicU64::new(0),
            body_bytes: AtomicU64::new(0),
            status: AtomicU16::new(0),
            state: Mutex::new(State {
                began: Instant::now(),
                sliced: Amounts::default(),
                phase: Phase::UnderWay,
            }),
        }
    }

    /// Who it is of.
    pub fn recorder(&self) -> &R {
        &self.recorder
    }

    /// The request has a head of so many bytes, for records that nobody tells what went over the wire.
    pub fn received_head(&self, bytes: u64) {
        self.head_bytes_in.fetch_add(bytes, Relaxed);
    }

    /// The response begins, with a head of so many bytes.
    pub fn answered(&self, status: u16, head_bytes: u64) {
        self.status.store(status, Relaxed);
        self.head_bytes_out.fetch_add(head_bytes, Relaxed);
    }

    /// The status of the response; 0 if there is none yet.
    pub fn status(&self) -> u16 {
        self.status.load(Relaxed)
    }

    /// Bytes of the request's body came.
    pub fn received(&self, bytes: u64) {
        self.body_bytes_in.fetch_add(bytes, Relaxed);
        self.slice();
    }

    /// Bytes of the response's body were handed over.
    pub fn sent(&self, bytes: u64) {
        self.body_bytes.fetch_add(bytes, Relaxed);
        self.slice();
    }

    /// Bytes of the request's body so far.
    pub fn body_bytes_in(&self) -> u64 {
        self.body_bytes_in.load(Relaxed)
    }

    /// Bytes of the response's body so far.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes.load(Relaxed)
    }

    /// What was seen of the whole exchange: bodies, and the heads that were told.
    pub fn seen(&self) -> WireBytes {
        WireBytes {
            bytes_in: self.body_bytes_in() + self.head_bytes_in.load(Relaxed),
            bytes_out: self.body_bytes() + self.head_bytes_out.load(Relaxed),
        }
    }

    /// The request is over, whether its response was handed over or not: this is the moment in which it counts. Says
    /// whether this was the first call; the others do nothing.
    pub fn end(&self, outcome: Outcome) -> bool {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::UnderWay) {
            return false;
        }
        let took = state.began.elapsed();
        state.phase = Phase::Ended {
            at: self.clock.now(),
            took,
            outcome,
        };
        drop(state);
        self.recorder.ended(&self.amounts(self.seen(), took));
        true
    }

    /// Writes the record; only the first call does. `wire` is all that went over the wire, also what slices have said
    /// already; where nobody knows it, the record has what was [seen](Self::seen).
    pub fn finish(&self, wire: Option<WireBytes>) {
        self.end(Outcome::Aborted);
        let mut state = self.lock();
        let Phase::Ended { at, took, outcome } = std::mem::replace(&mut state.phase, Phase::Finished) else {
            return;
        };
        let sliced = state.sliced;
        drop(state);
        self.recorder.record(|| Record {
            ended_at: at,
            dimensions: self.dimensions(outcome),
            amounts: less(self.amounts(wire.unwrap_or_else(|| self.seen()), took), sliced),
        });
    }

    /// Writes a slice, if the last one is long past.
    fn slice(&self) {
        let mut state = self.lock();
        let took = state.began.elapsed();
        let last = Duration::from_nanos(state.sliced.duration_ns);
        if took.saturating_sub(last) < self.slice_interval || !matches!(state.phase, Phase::UnderWay) {
            return;
        }
        let so_far = Amounts {
            calls: 0,
            ..self.amounts(self.seen(), took)
        };
        let sliced = std::mem::replace(&mut state.sliced, so_far);
        drop(state);
        self.recorder.record(|| Record {
            ended_at: self.clock.now(),
            dimensions: self.dimensions(Outcome::Ongoing),
            amounts: less(so_far, sliced),
        });
    }

    fn amounts(&self, wire: WireBytes, took: Duration) -> Amounts {
        Amounts {
            calls: 1,
            bytes_in: wire.bytes_in,
            bytes_out: wire.bytes_out,
            body_bytes_in: self.body_bytes_in(),
            body_bytes: self.body_bytes(),
            duration_ns: u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    fn dimensions(&self, outcome: Outcome) -> Dimensions {
        Dimensions {
            status: self.status(),
            outcome,
            ..self.recorder.dimensions()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Recorder> Drop for PendingRecord<R> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !matches!(state.phase, Phase::Finished) {
            self.recorder.unfinished();
            self.finish(None);
        }
    }
}

/// What is not in slices yet. What is told of the wire may be less than they estimated.
fn less(all: Amounts, sliced: Amounts) -> Amounts {
    Amounts {
        calls: all.calls - sliced.calls,
        bytes_in: all.bytes_in.saturating_sub(sliced.bytes_in),
        bytes_out: all.bytes_out.saturating_sub(sliced.bytes_out),
        body_bytes_in: all.body_bytes_in.saturating_sub(sliced.body_bytes_in),
        body_bytes: all.body_bytes.saturating_sub(sliced.body_bytes),
        duration_ns: all.duration_ns.saturating_sub(sliced.duration_ns),
    }
}
