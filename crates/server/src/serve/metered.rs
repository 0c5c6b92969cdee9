//! The two places where a connection's bytes are watched: on the wire, and decrypted.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;
use super::counters::Counters;

/// A stream below TLS: counts the bytes on the wire, and knows when the client takes none.
#[derive(Debug)]
pub(super) struct Metered<T> {
    inner: T,
    activity: Arc<Activity>,
    counters: Arc<Counters>,
}

impl<T> Metered<T> {
    pub(super) fn new(inner: T, activity: Arc<Activity>, counters: Arc<Counters>) -> Self {
        Self {
            inner,
            activity,
            counters,
        }
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        self.activity.blocked.store(written.is_pending(), Relaxed);
        if let Poll::Ready(Ok(bytes)) = written {
            let bytes = u64::try_from(*bytes).unwrap_or(u64::MAX);
            self.activity.wire_out.fetch_add(bytes, Relaxed);
            self.counters.wire_bytes_out.fetch_add(bytes, Relaxed);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (read, bytes) = poll_counted(&mut self.inner, cx, buf);
        if bytes > 0 {
            self.activity.wire_in.fetch_add(bytes, Relaxed);
            self.counters.wire_bytes_in.fetch_add(bytes, Relaxed);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.note_write(&written);
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

/// A stream above TLS: notes when a request begins to arrive, and what passes.
#[derive(Debug)]
pub(super) struct PlaintextStream<T> {
    inner: T,
    activity: Arc<Activity>,
}

impl<T> PlaintextStream<T> {
    pub(super) fn new(inner: T, activity: Arc<Activity>) -> Self {
        Self { inner, activity }
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.activity.exchanges.went(u64::try_from(*bytes).unwrap_or(u64::MAX));
        }
    }
}

impl<T> Drop for PlaintextStream<T> {
    fn drop(&mut self) {
        self.activity.exchanges.closed();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for PlaintextStream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (read, bytes) = poll_counted(&mut self.inner, cx, buf);
        if bytes > 0 {
            self.activity.note_arrival();
            self.activity.exchanges.came(bytes);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for PlaintextStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.exchanges.flushed();
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

fn poll_counted<T: AsyncRead + Unpin>(
    inner: &mut T,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> (Poll<io::Result<()>>, u64) {
    let before = buf.filled().len();
    let read = Pin::new(inner).poll_read(cx, buf);
    let bytes = buf.filled().len().saturating_sub(before);
    (read, u64::try_from(bytes).unwrap_or(u64::MAX))
}
