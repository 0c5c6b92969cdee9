//! A request's body as it arrives, and what becomes of the part that nobody reads.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::header::EXPECT;
use hyper::{Request, Version};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use super::counters::Counters;

/// How long the first piece of a body may be away over HTTP/2 if its client said that it waits for word from us. Most such
/// clients wait a second, and send the body all the same (RFC 9110, 10.1.1).
const FIRST_PIECE_PATIENCE: Duration = Duration::from_secs(2);

/// Why a body could not be read that the client is still able to send; to be found among the sources of what the body's
/// reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// Nothing of it has arrived for too long.
    #[error("the body stopped arriving")]
    Stalled,
    /// The client waits for `100 Continue` (RFC 9110, 10.1.1), which cannot be sent over HTTP/2: hyper has no way to.
    #[error("the body is kept back until 100 Continue, which this hub does not send over HTTP/2")]
    KeptBack,
}

impl BodyError {
    /// The one that is why reading a body failed, if so.
    pub(crate) fn cause(error: &(dyn Error + 'static)) -> Option<Self> {
        let own = error.downcast_ref().copied();
        own.or_else(|| error.source().and_then(Self::cause))
    }
}

/// A request's body that fails when nothing of it arrives for too long. What of it is not read goes back to [`Unread`].
pub(super) struct Arriving {
    /// None when it went back.
    inner: Option<Incoming>,
    patience: Duration,
    /// How long the first piece may take, and what is wrong then.
    first: Option<(Duration, BodyError)>,
    /// Set while somebody waits.
    alarm: Option<Pin<Box<Sleep>>>,
    counters: Arc<Counters>,
    activity: Arc<Activity>,
    unread: Option<oneshot::Sender<Rest>>,
    is_http2: bool,
    /// Whether the client waits for word before it sends anything, and has got none.
    is_kept_back: bool,
}

/// What was not read of a body.
enum Rest {
    /// It is on its way.
    Coming(Incoming),
    /// The client sends it only when it hears that it may, and it has not.
    KeptBack { inner: Incoming, is_http2: bool },
}

/// Where the rest of a body goes when its request is answered.
pub(super) struct Unread(oneshot::Receiver<Rest>);

impl Arriving {
    /// The body of a request, and where its rest will be.
    pub(super) fn of(
        request: Request<Incoming>,
        patience: Duration,
        counters: Arc<Counters>,
        activity: Arc<Activity>,
    ) -> (Request<Self>, Unread) {
        let (unread, rest) = oneshot::channel();
        let is_kept_back = expects_continue(&request);
        let is_http2 = request.version() == Version::HTTP_2;
        let request = request.map(|inner| Arriving {
            inner: Some(inner),
            patience,
            first: (is_kept_back && is_http2).then_some((FIRST_PIECE_PATIENCE, BodyError::KeptBack)),
            alarm: None,
            counters,
            activity,
            unread: Some(unread),
            is_http2,
            is_kept_back,
        });
        (request, Unread(rest))
    }
}

fn expects_continue(request: &Request<Incoming>) -> bool {
    let expect = request.headers().get(EXPECT);
    expect.is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        if this.first.is_none() {
            // Over HTTP/1.1 this is what sends `100 Continue`.
            this.is_kept_back = false;
        }
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            (this.alarm, this.first, this.is_kept_back) = (None, None, false);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let (patience, error) = this.first.unwrap_or((this.patience, BodyError::Stalled));
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep(patience)));
        loop {
            ready!(alarm.as_mut().poll(cx));
            // What keeps the body from arriving may be a limit of ours, which is no fault of the client's.
            if !this.activity.pace.waits_to_read() {
                break;
            }
            alarm.as_mut().reset(Instant::now() + patience);
        }
        this.alarm = None;
        if error == BodyError::Stalled {
            this.counters.body_timeouts.fetch_add(1, Relaxed);
        }
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let Some((inner, unread)) = self.inner.take().zip(self.unread.take()) else {
            return;
        };
        if inner.is_end_stream() {
            return;
        }
        let rest = match (self.is_kept_back, self.is_http2) {
            (false, _) => Rest::Coming(inner),
            (true, is_http2) => Rest::KeptBack { inner, is_http2 },
        };
        // Nobody is there to take it if the request was given up.
        drop(unread.send(rest));
    }
}

impl Unread {
    /// Reads and drops what is left of the body, so that the answer reaches a client that first sends all that it has; not
    /// more than so many bytes, and not for longer. Gives how many there were.
    ///
    /// Without this, a client that is answered early meets a closed connection (HTTP/1.1) or a reset stream (HTTP/2), and
    /// many of them then lose the answer: <https://github.com/hyperium/hyper/issues/2729>.
    pub(super) async fn discard(mut self, bytes_max: usize, time_max: Duration) -> usize {
        match self.0.try_recv() {
            Ok(Rest::Coming(inner)) => discard(inner, bytes_max, time_max).await,
            Ok(Rest::KeptBack { inner, is_http2: true }) => {
                // The answer is what the client waits for. Until it has that, its stream must not be reset.
                tokio::spawn(discard(inner, bytes_max, time_max));
                0
            }
            // Over HTTP/1.1 it will not come, and asking for it would say that it may.
            Ok(Rest::KeptBack { .. }) | Err(_) => 0,
        }
    }
}

async fn discard(mut body: Incoming, bytes_max: usize, time_max: Duration) -> usize {
    let mut bytes = 0;
    let all = async {
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > bytes_max {
                break;
            }
        }
    };
    // What is still missing then is not waited for.
    let _ = tokio::time::timeout(time_max, all).await;
    bytes
}
