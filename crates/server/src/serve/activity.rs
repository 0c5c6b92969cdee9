//! What is going on on one connection, as seen by those who move its bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

use super::exchange::Exchange;
use super::exchanges::Exchanges;
use super::listener::Peer;
use super::strangers::Stranger;
use crate::bandwidth::Pace;

/// A client's connection. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(super) struct ConnectionInfo {
    /// Who is at its other end.
    pub(super) peer: Peer,
    pub(super) activity: Arc<Activity>,
    /// What it is until its client shows a key.
    pub(super) stranger: Arc<Stranger>,
}

/// Each field is written by the layer that knows, and read by the watchdog; none depends on
/// another, so the order of memory operations does not matter.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// How the stream waits for its turn.
    pub(super) pace: Arc<Pace>,
    /// Which bytes belong to which request.
    pub(super) exchanges: Exchanges,
    pub(super) wire_in: AtomicU64,
    pub(super) wire_out: AtomicU64,
    /// The last write found no room: the client is not taking what was sent before.
    pub(super) blocked: AtomicBool,
    /// Bytes have arrived while no request was under way: part of a header.
    header: AtomicBool,
    /// Requests from their complete header to the end of their answer.
    requests: AtomicUsize,
    /// Those of them whose answer has something for the client to take.
    answers: AtomicUsize,
    /// Requests that are over.
    served: AtomicU64,
    /// Pieces of answers that were taken.
    pieces: AtomicU64,
}

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// For a request.
    Idle,
    /// For the rest of a request's header.
    Header,
    /// For ourselves, for a request's body, or for its turn under a limit on bandwidth.
    Working,
    /// For the client to take its answer.
    Answering,
}

impl Activity {
    /// What the connection is waiting for, and a number that changes with every progress that
    /// counts as such in this phase.
    pub(super) fn reading(&self) -> (Phase, u64) {
        let requests = self.requests.load(Relaxed);
        if self.pace.waits() {
            return (Phase::Working, self.served.load(Relaxed));
        }
        let all_answered = requests > 0 && self.answers.load(Relaxed) >= requests;
        if all_answered || self.blocked.load(Relaxed) {
            // A kilobyte at a time, so that answers to pings are not taken for progress.
            let kilobytes = self.wire_out.load(Relaxed) >> 10;
            return (Phase::Answering, self.pieces.load(Relaxed) + kilobytes);
        }
        let phase = match (requests, self.header.load(Relaxed)) {
            (0, false) => Phase::Idle,
            (0, true) => Phase::Header,
            _ => Phase::Working,
        };
        (phase, self.served.load(Relaxed))
    }

    /// Decrypted bytes have arrived.
    pub(super) fn note_arrival(&self) {
        if self.requests.load(Relaxed) == 0 {
            self.header.store(true, Relaxed);
        }
    }

    /// How many requests are under way.
    pub(super) fn requests_under_way(&self) -> usize {
        self.requests.load(Relaxed)
    }
}

/// A request under way, from its complete header on. hyper tells its end by dropping what serves it, this with it: its body
/// after the last piece, or all of it when the client is gone.
#[derive(Debug)]
pub(super) struct UnderWay {
    activity: Arc<Activity>,
    exchange: Exchange,
    answering: bool,
}

impl UnderWay {
    pub(super) fn begin(activity: Arc<Activity>, exchange: Exchange) -> Self {
        activity.header.store(false, Relaxed);
        activity.requests.fetch_add(1, Relaxed);
        UnderWay {
            activity,
            exchange,
            answering: false,
        }
    }

    /// Whether it is the client's turn: to take what the answer has ready.
    pub(super) fn set_answering(&mut self, answering: bool) {
        match (self.answering, answering) {
            (false, true) => self.activity.answers.fetch_add(1, Relaxed),
            (true, false) => self.activity.answers.fetch_sub(1, Relaxed),
            _ => return,
        };
        self.answering = answering;
    }

    /// A piece of the answer has been asked for.
    pub(super) fn note_piece(&self) {
        self.activity.pieces.fetch_add(1, Relaxed);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.set_answering(false);
        self.activity.requests.fetch_sub(1, Relaxed);
        self.activity.served.fetch_add(1, Relaxed);
        self.exchange.end();
    }
}
