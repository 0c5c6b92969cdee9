//! How fast a connection may go, as its requests say.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use nexus_throttle::{Direction, Limiter, Throttled};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::KeyBandwidth;

/// What the requests of a connection tell its stream, and the other way round.
///
/// A connection begins undelayed, so that a handshake and a first header always get through: who they are from is not
/// known before. What they weigh is charged all the same.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Whether bytes have to wait for their turn.
    delayed: AtomicBool,
    /// Whether they do at this moment.
    waiting_to_read: AtomicBool,
    waiting_to_write: AtomicBool,
    /// Whose share the connection uses: [`KeyBandwidth::id`], or 0.
    share: AtomicU64,
    /// Where the stream is to be charged from now on, if it does not know yet.
    next: Mutex<Option<Limiter>>,
    has_next: AtomicBool,
}

impl Pace {
    /// Whether the bytes of the connection wait for their turn from now on.
    pub(crate) fn set_delayed(&self, delayed: bool) {
        self.delayed.store(delayed, Relaxed);
    }

    /// Charges the connection to this key's share of the server.
    pub(crate) fn join(&self, key: &KeyBandwidth) {
        if self.share.swap(key.id, Relaxed) == key.id {
            return;
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(key.share.child());
        self.has_next.store(true, Relaxed);
    }

    /// Whether the stream waits for its turn, and not for the client.
    pub(crate) fn waits(&self) -> bool {
        self.waits_to_read() || self.waiting_to_write.load(Relaxed)
    }

    /// Whether nothing arrives because the stream waits for its turn to read.
    pub(crate) fn waits_to_read(&self) -> bool {
        self.waiting_to_read.load(Relaxed)
    }
}

/// A connection's stream that waits for its turn when its [`Pace`] says so.
#[derive(Debug)]
pub(crate) struct Paced<T> {
    inner: Throttled<T>,
    pace: Arc<Pace>,
}

impl<T> Paced<T> {
    pub(crate) fn new(inner: T, node: &Limiter, pace: Arc<Pace>) -> Self {
        Paced {
            inner: Throttled::new(inner, node),
            pace,
        }
    }

    fn follow(&mut self) {
        if self.pace.has_next.load(Relaxed) {
            let mut next = self.pace.next.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(node) = next.take() {
                self.inner.set_node(&node);
            }
            self.pace.has_next.store(false, Relaxed);
        }
    }

    fn is_delayed(&mut self) -> bool {
        self.follow();
        self.pace.delayed.load(Relaxed)
    }

    fn charge(&mut self, direction: Direction, bytes: usize) {
        let permit = self.inner.permit_mut(direction);
        permit.give_back();
        permit.charge(bytes);
    }

    fn note_write(&mut self) {
        let waiting = self.inner.permit_mut(Direction::Write).is_waiting();
        self.pace.waiting_to_write.store(waiting, Relaxed);
    }

    fn note_undelayed_write(&mut self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.charge(Direction::Write, *bytes);
        }
        self.note_write();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Paced<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.is_delayed() {
            let before = buf.filled().len();
            let read = Pin::new(self.inner.get_mut()).poll_read(cx, buf);
            let bytes = buf.filled().len().saturating_sub(before);
            self.charge(Direction::Read, bytes);
            self.pace.waiting_to_read.store(false, Relaxed);
            return read;
        }
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        let waiting = self.inner.permit_mut(Direction::Read).is_waiting();
        self.pace.waiting_to_read.store(waiting, Relaxed);
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Paced<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if !self.is_delayed() {
            let written = Pin::new(self.inner.get_mut()).poll_write(cx, buf);
            self.note_undelayed_write(&written);
            return written;
        }
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.note_write();
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.is_delayed() {
            let written = Pin::new(self.inner.get_mut()).poll_write_vectored(cx, bufs);
            self.note_undelayed_write(&written);
            return written;
        }
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.note_write();
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
