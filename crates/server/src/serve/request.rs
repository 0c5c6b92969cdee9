//! One request: what it is told about its connection, and who waits for whom while it lasts.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::{Request, Response, Version};
use tokio::time::{Instant, Sleep, sleep};
use tower::ServiceExt;

use super::activity::{Activity, ConnectionInfo, UnderWay};
use super::counters::Counters;
use super::exchange::Exchange;
use super::limits::Limits;

/// Answers the requests of one connection.
#[derive(Clone)]
pub(super) struct Requests {
    app: Router,
    info: ConnectionInfo,
    counters: Arc<Counters>,
    body_idle_timeout: Duration,
}

/// The error of a request's body of which nothing has arrived for too long; to be found among
/// the sources of what the body's reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body stopped arriving")]
pub(crate) struct BodyStalled;

impl BodyStalled {
    /// Whether this is why reading a body failed.
    pub(crate) fn caused(error: &(dyn Error + 'static)) -> bool {
        error.is::<Self>() || error.source().is_some_and(Self::caused)
    }
}

impl Requests {
    pub(super) fn new(app: Router, info: ConnectionInfo, counters: Arc<Counters>, limits: &Limits) -> Self {
        Self {
            app,
            info,
            counters,
            body_idle_timeout: limits.body_idle_timeout,
        }
    }

    /// Lets the router answer. The request is under way from here until its answer is dropped.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
        let is_alone = request.version() <= Version::HTTP_11;
        let exchange = Exchange::new(self.info.clone(), is_alone);
        let mut under_way = UnderWay::begin(self.info.activity.clone(), exchange.clone());
        let mut request = request.map(|inner| Arriving {
            inner,
            patience: self.body_idle_timeout,
            alarm: None,
            counters: self.counters,
            activity: self.info.activity,
        });
        request.extensions_mut().insert(exchange);
        let answer = self.app.oneshot(request.map(Body::new)).await?;
        Ok(answer.map(|inner| {
            under_way.set_answering(!inner.is_end_stream());
            Answer { inner, under_way }
        }))
    }
}

/// A request's body that fails when nothing of it arrives for too long.
struct Arriving {
    inner: Incoming,
    patience: Duration,
    /// Set while somebody waits.
    alarm: Option<Pin<Box<Sleep>>>,
    counters: Arc<Counters>,
    activity: Arc<Activity>,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.alarm = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let this = &mut *self;
        let patience = this.patience;
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep(patience)));
        loop {
            ready!(alarm.as_mut().poll(cx));
            // What keeps the body from arriving may be a limit of ours, which is no fault of the client's.
            if !this.activity.pace.waits_to_read() {
                break;
            }
            alarm.as_mut().reset(Instant::now() + patience);
        }
        self.alarm = None;
        self.counters.body_timeouts.fetch_add(1, Relaxed);
        Poll::Ready(Some(Err(BodyStalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body that tells the watchdog whose turn it is: ours while the body has nothing
/// ready, the client's otherwise.
#[derive(Debug)]
pub(super) struct Answer {
    inner: Body,
    under_way: UnderWay,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        self.under_way.set_answering(frame.is_ready());
        self.under_way.note_piece();
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
