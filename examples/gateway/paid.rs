//! A body that is paid for: it flows when its key's bandwidth allows it, while its key's month has room for it.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use nexus_throttle::{Direction, Limiter, Permit};
use nexus_usage::{Amount, Field, Refusal, Reservation};

use crate::activity::{Activity, Stalled};

type BoxError = Box<dyn Error + Send + Sync>;

/// Holds one frame at a time, and asks for the next when that has gone on. What flowed is counted when it is dropped, however it
/// ended.
pub(crate) struct Paid<B> {
    inner: B,
    /// What came and may not yet go on.
    held: Bytes,
    pace: Permit,
    field: Field,
    /// None once it is settled.
    reservation: Option<Reservation>,
    used: Amount,
    activity: Activity,
    /// Looked at while the inner body has nothing.
    stalled: Option<Pin<Box<dyn Future<Output = Stalled> + Send>>>,
}

impl<B> Paid<B> {
    /// The body of a request, which counts the request too.
    pub(crate) fn request(inner: B, reservation: Reservation, node: Limiter, activity: Activity) -> Self {
        let pace = Permit::new(node, Direction::Read);
        let used = Amount::of(Field::ApiRequests, 1);
        Paid::new(inner, pace, Field::IngressBytes, reservation, used, activity)
    }

    /// The body of an answer.
    pub(crate) fn answer(inner: B, reservation: Reservation, node: Limiter, activity: Activity) -> Self {
        let pace = Permit::new(node, Direction::Write);
        Paid::new(inner, pace, Field::EgressBytes, reservation, Amount::ZERO, activity)
    }

    fn new(inner: B, pace: Permit, field: Field, reservation: Reservation, used: Amount, activity: Activity) -> Self {
        Paid {
            inner,
            held: Bytes::new(),
            pace,
            field,
            reservation: Some(reservation),
            used,
            activity,
            stalled: None,
        }
    }

    /// Makes room for so many bytes more, or says that there is none.
    pub(crate) fn reserve(&mut self, bytes: u64) -> Result<(), Refusal> {
        let Some(reservation) = &mut self.reservation else {
            return Ok(());
        };
        let needed = self.used.get(self.field).saturating_add(bytes);
        match needed.saturating_sub(reservation.reserved().get(self.field)) {
            0 => Ok(()),
            missing => reservation.extend(Amount::of(self.field, missing)),
        }
    }

    /// As much of what is held as may go on.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BoxError>> {
        let allowed = ready!(self.pace.poll_allow(cx, self.held.len()))?;
        self.pace.moved(allowed);
        self.used = self.used.plus(Amount::of(self.field, allowed as u64));
        self.activity.note();
        // Splitting shares the memory.
        Poll::Ready(Ok(self.held.split_to(allowed)))
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Paid<B> {
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(next) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(next.map(|frame| frame.map_err(Into::into)));
        }
        let activity = &self.activity;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(activity.clone().stalled()));
        stalled.as_mut().poll(cx).map(|stalled| Some(Err(stalled.into())))
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for Paid<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        while this.held.is_empty() {
            let frame = match ready!(this.poll_inner(cx)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            if let Err(refusal) = this.reserve(data.len() as u64) {
                return Poll::Ready(Some(Err(refusal.into())));
            }
            this.held = data;
        }
        Poll::Ready(Some(ready!(this.poll_part(cx)).map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint.set_lower(inner.lower().saturating_add(held));
        hint
    }
}

impl<B> Drop for Paid<B> {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(self.used);
        }
    }
}
