//! A throttled reader or writer for blocking programs.

use std::{
    io::{self, IoSlice, Read, Write},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use crate::{
    limiter::Limiter,
    limits::Direction,
    permit::{Closed, Permit},
};

/// A blocking reader, writer or both, no faster than its node allows. Shares its node with asynchronous ones, if there are
/// any, on equal terms.
///
/// Not for tasks: it blocks its thread.
#[derive(Debug)]
pub struct Blocking<T> {
    inner: T,
    read: Permit,
    write: Permit,
}

impl<T> Blocking<T> {
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

    /// The inner stream. What is moved on it directly is neither delayed nor counted.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The inner stream. What is moved on it directly is neither delayed nor counted.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The inner stream.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: Read> Read for Blocking<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let allowed = allow(&mut self.read, buf.len())?;
        let read = self.inner.read(buf.get_mut(..allowed).unwrap_or_default());
        note(&mut self.read, &read);
        read
    }
}

impl<T: Write> Write for Blocking<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let allowed = allow(&mut self.write, buf.len())?;
        let written = self.inner.write(buf.get(..allowed).unwrap_or(buf));
        note(&mut self.write, &written);
        written
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.write(first.map_or(&[], |buf| buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn note(permit: &mut Permit, moved: &io::Result<usize>) {
    match moved {
        Ok(bytes) if *bytes > 0 => permit.moved(*bytes),
        _ => permit.give_back(),
    }
}

/// Parks the thread until bytes may be moved.
fn allow(permit: &mut Permit, wanted: usize) -> Result<usize, Closed> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match permit.poll_allow(&mut cx, wanted) {
            Poll::Ready(allowed) => return allowed,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
