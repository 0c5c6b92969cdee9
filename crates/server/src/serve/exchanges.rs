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

use nexus_usage_log::layer::{Exchange, WireBytes};

/// The bytes of one connection, and the request that they belong to.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// A request is over, and its last bytes may not have been written yet.
    is_over: AtomicBool,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// The request that is over; none if nobody wants to know what it took.
    exchange: Option<Exchange>,
    /// What belongs to requests that are settled.
    settled: WireBytes,
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

    /// A request is over that wants to know what it took.
    pub(super) fn ended(&self, exchange: Exchange) {
        let mut open = self.lock();
        if open.exchange.is_some() {
            self.settle(&mut open);
        }
        open.exchange = Some(exchange);
        if open.is_closed {
            self.settle(&mut open);
        }
    }

    /// A request is over, whoever sent it.
    pub(super) fn over(&self) {
        self.is_over.store(true, Release);
    }

    /// All that was to be written has been.
    pub(super) fn flushed(&self) {
        if self.is_over.load(Acquire) && self.is_over.swap(false, AcqRel) {
            self.settle(&mut self.lock());
        }
    }

    /// The connection is gone.
    pub(super) fn closed(&self) {
        let mut open = self.lock();
        open.is_closed = true;
        if open.exchange.is_some() {
            self.settle(&mut open);
        }
    }

    fn settle(&self, open: &mut Open) {
        let now = WireBytes {
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
        };
        let before = std::mem::replace(&mut open.settled, now);
        if let Some(exchange) = open.exchange.take() {
            exchange.settle(WireBytes {
                bytes_in: now.bytes_in - before.bytes_in,
                bytes_out: now.bytes_out - before.bytes_out,
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
