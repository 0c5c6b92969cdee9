//! What is going on on one connection, as seen by those who move its bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

use nexus_usage_log::layer::Exchange;

use super::exchanges::Exchanges;
use super::listener::Peer;
use crate::bandwidth::{KeyBandwidth, Pace};

/// The connection a request came on: an extension of every request.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    /// Who is at its other end.
    pub(crate) peer: Peer,
    pub(super) activity: Arc<Activity>,
}

impl ConnectionInfo {
    /// The request that carries this is one that limits on bandwidth slow down, or one that must always get through. One of
    /// the latter among the former goes as slowly as they do.
    pub(crate) fn set_exempt(&self, exempt: bool) {
        if !exempt || self.activity.requests.load(Relaxed) <= 1 {
            self.activity.pace.set_delayed(!exempt);
        }
    }

    /// The request is by this key, whose share of the server the connection uses from now on, if nobody else is using it.
    pub(crate) fn join(&self, key: &KeyBandwidth) {
        if self.activity.requests.load(Relaxed) <= 1 {
            self.activity.pace.join(key);
        }
    }

    /// The request is over, and waits for its last bytes to be written, to be told what it took. Under HTTP/1.1.
    pub(crate) fn ended(&self, exchange: Exchange) {
        self.activity.exchanges.ended(exchange);
    }

    /// Bytes received on this connection so far, TLS included.
    #[cfg(test)]
    pub(crate) fn wire_bytes_in(&self) -> u64 {
        self.activity.wire_in.load(Relaxed)
    }
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

    /// A request's header is complete.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.header.store(false, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        UnderWay {
            activity: self.clone(),
            answering: false,
        }
    }
}

/// A request under way; dropping it ends the request.
#[derive(Debug)]
pub(super) struct UnderWay {
    activity: Arc<Activity>,
    answering: bool,
}

impl UnderWay {
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
        self.activity.exchanges.over();
    }
}
