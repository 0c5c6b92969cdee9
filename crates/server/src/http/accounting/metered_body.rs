//! A body on somebody's account.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use nexus_throttle::{Direction, Limiter, Permit};

use crate::serve::Exchange;

/// A body whose bytes are counted as they flow, and flow when their key's bandwidth allows it.
///
/// It holds one frame at a time, and asks for the next when that has gone on.
pub(super) struct MeteredBody {
    inner: Body,
    exchange: Exchange,
    direction: Direction,
    /// None if nothing slows it down.
    permit: Option<Permit>,
    /// What arrived and may not yet go on.
    held: Bytes,
}

impl MeteredBody {
    /// The body of an exchange that is on somebody's account.
    pub(super) fn new(inner: Body, exchange: Exchange, limiter: Option<Limiter>, direction: Direction) -> Self {
        MeteredBody {
            inner,
            exchange,
            direction,
            permit: limiter.map(|limiter| Permit::new(limiter, direction)),
            held: Bytes::new(),
        }
    }

    fn note_end(&self) {
        if let (Direction::Write, Some(usage)) = (self.direction, self.exchange.usage()) {
            usage.completed();
        }
    }

    /// As much of what is held as may go on.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Box<dyn Error + Send + Sync>>> {
        let bytes = match &mut self.permit {
            None => self.held.len(),
            Some(permit) => {
                let allowed = ready!(permit.poll_allow(cx, self.held.len())).map_err(io::Error::from)?;
                permit.moved(allowed);
                allowed
            }
        };
        if let Some(usage) = self.exchange.usage() {
            usage.flowed(self.direction, bytes);
        }
        // Splitting shares the memory.
        Poll::Ready(Ok(self.held.split_to(bytes)))
    }
}

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.held.is_empty() {
            let frame = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                None => {
                    this.note_end();
                    return Poll::Ready(None);
                }
                error => return Poll::Ready(error),
            };
            match frame.into_data() {
                Ok(data) if data.is_empty() => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(data) => this.held = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
            let usage = this.exchange.usage();
            if let Some(Err(refusal)) = usage.map(|usage| usage.announce(this.direction, this.held.len())) {
                this.held.clear();
                return Poll::Ready(Some(Err(axum::Error::new(refusal))));
            }
        }
        let part = ready!(this.poll_part(cx));
        // A body that has said its length is not asked again.
        if this.is_end_stream() {
            this.note_end();
        }
        Poll::Ready(Some(part.map(Frame::data).map_err(axum::Error::new)))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.len() as u64;
        let mut hint = self.inner.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint.set_lower(hint.lower().saturating_add(held));
        hint
    }
}
