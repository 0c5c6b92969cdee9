//! Every request is on the account of its key: whether it may go on, and how fast its bodies flow.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::Uri,
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use nexus_throttle::{Direction, Meter};

use super::{Api, Caller, error::Problem};
use crate::{accounts::Account, serve::ConnectionInfo};

/// Whether a request is of those by which an operator undoes a limit that is too tight: no limit holds them up.
fn is_exempt(uri: &Uri) -> bool {
    let path = uri.path();
    path.starts_with("/-/") || path.starts_with("/api/v1/admin")
}

/// Tells the connection whether it may be slowed down for this request, whoever sent it.
pub(super) async fn pace(request: Request, next: Next) -> Response {
    if let Some(connection) = request.extensions().get::<ConnectionInfo>() {
        connection.set_exempt(is_exempt(request.uri()));
    }
    next.run(request).await
}

/// Lets requests go on that are within their key's limits, and lets their bodies flow as fast as the key may.
pub(super) async fn charge(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>() else {
        return Problem::internal().into_response();
    };
    let account = api.accounts.of(&caller.key.name);
    if let Some(connection) = request.extensions().get::<ConnectionInfo>() {
        connection.join(account.bandwidth());
    }
    if is_exempt(request.uri()) {
        return next.run(request).await;
    }
    if let Err(too_fast) = account.admit() {
        return Problem::from(too_fast).into_response();
    }
    let request = request.map(|body| Paid::body(body, &account, Direction::Read));
    let response = next.run(request).await;
    response.map(|body| Paid::body(body, &account, Direction::Write))
}

/// A body whose bytes go on when its key's bandwidth allows it.
struct Paid {
    inner: Body,
    meter: Meter,
    /// What arrived and may not yet go on.
    held: Bytes,
}

impl Paid {
    fn body(inner: Body, account: &Arc<Account>, direction: Direction) -> Body {
        if inner.is_end_stream() {
            return inner;
        }
        Body::new(Paid {
            inner,
            meter: Meter::new(account.bandwidth().own().clone(), direction),
            held: Bytes::new(),
        })
    }
}

impl HttpBody for Paid {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.held.is_empty() {
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => this.held = data,
                    Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let allowed = ready!(this.meter.poll_allow(cx, this.held.len()));
        let allowed = allowed.map_err(|closed| axum::Error::new(io::Error::from(closed)));
        Poll::Ready(Some(allowed.map(|bytes| {
            this.meter.moved(bytes);
            // Splitting shares the memory.
            Frame::data(this.held.split_to(bytes))
        })))
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
