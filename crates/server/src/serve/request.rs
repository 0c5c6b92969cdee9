//! One request: what it is told about its connection, and who waits for whom while it lasts.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::{Request, Response, Version};
use nexus_throttle::Direction;
use tower::ServiceExt;

use super::activity::{ConnectionInfo, UnderWay};
use super::arriving::Arriving;
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
    unread_body_bytes_max: usize,
}

impl Requests {
    pub(super) fn new(app: Router, info: ConnectionInfo, counters: Arc<Counters>, limits: &Limits) -> Self {
        Self {
            app,
            info,
            counters,
            body_idle_timeout: limits.body_idle_timeout,
            unread_body_bytes_max: limits.unread_body_bytes_max,
        }
    }

    /// Lets the router answer. The request is under way from here until its answer is dropped.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
        let is_alone = request.version() <= Version::HTTP_11;
        let exchange = Exchange::new(self.info.clone(), is_alone);
        let mut under_way = UnderWay::begin(self.info.activity.clone(), exchange.clone());
        let activity = self.info.activity;
        let (mut request, unread) = Arriving::of(request, self.body_idle_timeout, self.counters, activity);
        request.extensions_mut().insert(exchange.clone());
        let answer = self.app.oneshot(request.map(Body::new)).await?;
        let discarded = unread.discard(self.unread_body_bytes_max, self.body_idle_timeout).await;
        if let Some(usage) = exchange.usage() {
            usage.flowed(Direction::Read, discarded);
        }
        Ok(answer.map(|inner| {
            under_way.set_answering(!inner.is_end_stream());
            Answer { inner, under_way }
        }))
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
