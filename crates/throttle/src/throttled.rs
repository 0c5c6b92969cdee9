//! A throttled asynchronous reader or writer.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{limiter::Limiter, limits::Direction, permit::Permit};

/// A reader, a writer or both, no faster than its node allows.
///
/// The bytes are the inner stream's: none is copied, held back or changed. A limit only makes I/O shorter and later, so the end
/// of the stream comes after all of them. Flushing and shutting down are not delayed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use nexus_throttle::{Direction, Limiter, Rate, Throttled};
/// use tokio::{io::AsyncReadExt, time::Instant};
///
/// let limiter = Limiter::new();
/// limiter.set_limits(Direction::Read, Rate::bytes_per_second(1).into());
///
/// let mut slow = Throttled::new(&b"bytes"[..], &limiter);
/// let began = Instant::now();
/// let mut text = String::new();
/// slow.read_to_string(&mut text).await?;
/// assert_eq!(text, "bytes");
/// // The first at once, the next four a second each, and one more for what may follow.
/// assert_eq!(began.elapsed().as_secs(), 5);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Throttled<T> {
    inner: T,
    read: Permit,
    write: Permit,
}

impl<T> Throttled<T> {
    /// Charges reads and writes to this node.
    pub fn new(inner: T, node: &Limiter) -> Self {
        Self {
            inner,
            read: Permit::new(node.clone(), Direction::Read),
            write: Permit::new(node.clone(), Direction::Write),
        }
    }

    /// The node that is charged.
    pub fn node(&self) -> &Limiter {
        self.read.node()
    }

    /// Charges another node from now on. See [`Permit::set_node`].
    pub fn set_node(&mut self, node: &Limiter) {
        self.read.set_node(node.clone());
        self.write.set_node(node.clone());
    }

    /// The inner stream. What is moved on it directly is neither delayed nor counted.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The inner stream. What is moved on it directly is neither delayed nor counted.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// What counts and delays one direction, for whoever moves bytes on the inner stream directly and has to account for them.
    pub fn permit_mut(&mut self, direction: Direction) -> &mut Permit {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }

    /// The inner stream.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Throttled<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let allowed = ready!(this.read.poll_allow(cx, buf.remaining()))?;
        let before = buf.filled().len();
        let read = poll_read_at_most(Pin::new(&mut this.inner), cx, buf, allowed);
        match buf.filled().len().saturating_sub(before) {
            0 => this.read.give_back(),
            bytes => this.read.moved(bytes),
        }
        read
    }
}

/// Reads into so much of the buffer. What is given to the inner reader is initialised for it if it is only a part.
fn poll_read_at_most<T: AsyncRead>(
    inner: Pin<&mut T>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    bytes_max: usize,
) -> Poll<io::Result<()>> {
    if bytes_max >= buf.remaining() {
        return inner.poll_read(cx, buf);
    }
    let mut part = ReadBuf::new(buf.initialize_unfilled_to(bytes_max));
    let read = inner.poll_read(cx, &mut part);
    let bytes = part.filled().len();
    buf.advance(bytes);
    read
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Throttled<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let allowed = ready!(this.write.poll_allow(cx, buf.len()))?;
        let part = buf.get(..allowed).unwrap_or(buf);
        let written = Pin::new(&mut this.inner).poll_write(cx, part);
        note_write(&mut this.write, &written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wanted = bufs.iter().fold(0_usize, |sum, buf| sum.saturating_add(buf.len()));
        let allowed = ready!(this.write.poll_allow(cx, wanted))?;
        let inner = Pin::new(&mut this.inner);
        let written = match part_of(bufs, allowed) {
            Part::Whole(bufs) => inner.poll_write_vectored(cx, bufs),
            Part::Of(buf) => inner.poll_write(cx, buf),
        };
        note_write(&mut this.write, &written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

fn note_write(permit: &mut Permit, written: &Poll<io::Result<usize>>) {
    match written {
        Poll::Ready(Ok(bytes)) if *bytes > 0 => permit.moved(*bytes),
        _ => permit.give_back(),
    }
}

/// As much of some slices as may be written at once.
enum Part<'a, 'b> {
    /// These, whole.
    Whole(&'a [IoSlice<'b>]),
    /// The beginning of the first that is not empty.
    Of(&'a [u8]),
}

/// Slices are given whole as long as they are allowed, so that none needs to be cut; if the first is too long, its beginning.
fn part_of<'a, 'b>(bufs: &'a [IoSlice<'b>], bytes_max: usize) -> Part<'a, 'b> {
    let mut rest = bytes_max;
    let whole = bufs
        .iter()
        .take_while(|buf| rest.checked_sub(buf.len()).map(|left| rest = left).is_some())
        .count();
    if rest < bytes_max || whole == bufs.len() {
        return Part::Whole(bufs.get(..whole).unwrap_or(bufs));
    }
    let first: &[u8] = bufs.get(whole).map_or(&[], |buf| buf);
    Part::Of(first.get(..bytes_max).unwrap_or(first))
}
