//! Which of a connection's bytes belong to which request, under HTTP/1.1.
//!
//! One request follows the other there, so what passes from the end of one to the end of the next belongs to the next: heads,
//! framing and body, decrypted, as NGINX's `$request_length` and `$bytes_sent`. A request is at its end when all of its
//! answer has been written, which is later than its body's end. Who sends requests without waiting for answers may find some
//! bytes with a neighbour; the sum is exact.

use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_usage_log::layer::WireBytes;

use super::exchange::Exchange;

/// The bytes of one connection, and the request that they belong to.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// A request has ended, and its last bytes may not have been written yet.
    has_ended: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The request that has ended, if it is on somebody's account.
    ended: Option<Exchange>,
    /// What belongs to requests that are finished.
    finished: WireBytes,
    /// The connection is gone: nothing more will pass.
    is_closed: bool,
}

impl Exchanges {
    /// Bytes arrived.
    pub(super) fn came(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    /// Bytes were written.
    pub(super) fn went(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    /// A request has ended, whoever sent it.
    pub(super) fn ended(&self, exchange: &Exchange) {
        if exchange.usage().is_some() {
            let mut state = self.lock();
            if state.ended.is_some() {
                self.finish(&mut state);
            }
            state.ended = Some(exchange.clone());
            if state.is_closed {
                self.finish(&mut state);
            }
        }
        self.has_ended.store(true, Release);
    }

    /// All that was to be written has been.
    pub(super) fn flushed(&self) {
        if self.has_ended.load(Acquire) && self.has_ended.swap(false, AcqRel) {
            self.finish(&mut self.lock());
        }
    }

    /// The connection is gone.
    pub(super) fn closed(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        if state.ended.is_some() {
            self.finish(&mut state);
        }
    }

    fn finish(&self, state: &mut State) {
        let now = WireBytes {
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
        };
        let before = std::mem::replace(&mut state.finished, now);
        if let Some(exchange) = state.ended.take() {
            exchange.finish(Some(WireBytes {
                bytes_in: now.bytes_in - before.bytes_in,
                bytes_out: now.bytes_out - before.bytes_out,
            }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
