//! HTTP on a connection, from its first byte to its end.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::{debug, error};

use super::Server;
use super::activity::{ConnectionInfo, Phase};
use super::counters::Counters;
use super::metered::PlaintextStream;
use super::request::Requests;
use super::watchdog::Watchdog;

/// How long the last words to a client may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes beyond a header that may be read with it. hyper panics on less.
const READ_AHEAD: usize = 8192;

const HEADER_TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How a connection came to its end.
#[derive(Debug)]
enum Ended {
    /// hyper was done with it, and has closed it.
    Closed(hyper::Result<()>),
    /// The watchdog had enough.
    Expired(Phase),
    /// The hub shuts down, and no request is under way.
    Drained,
}

/// A connection that may speak HTTP.
pub(super) struct Session<'a> {
    pub(super) server: &'a Server,
    pub(super) info: ConnectionInfo,
}

impl Session<'_> {
    /// Speaks HTTP/1 until the end.
    pub(super) async fn http1<T>(self, stream: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.server.limits;
        let requests = self.requests();
        let stream = PlaintextStream::new(stream, self.info.activity.clone());
        let mut connection = http1::Builder::new()
            // The watchdog's business.
            .header_read_timeout(None)
            .max_header_size(limits.header_bytes_max)
            .max_buf_size(limits.header_bytes_max.saturating_add(READ_AHEAD))
            .max_headers(limits.header_fields_max)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| requests.clone().answer(request)),
            );
        let ended = self.watch(Pin::new(&mut connection)).await;
        self.note(&ended);
        // Between requests everything has been written, so the stream can be taken from hyper
        // and closed as TLS wants it. A client that takes nothing would not take this either.
        let words: &[u8] = match ended {
            Ended::Closed(_) | Ended::Expired(Phase::Answering) => return,
            Ended::Expired(Phase::Header) => HEADER_TOO_SLOW,
            Ended::Expired(_) | Ended::Drained => &[],
        };
        let mut stream = connection.into_parts().io.into_inner();
        let close = async {
            stream.write_all(words).await?;
            stream.shutdown().await
        };
        // The client may be gone already; there is nobody to tell.
        drop(timeout(CLOSE_TIMEOUT, close).await);
    }

    /// Speaks HTTP/2 until the end.
    pub(super) async fn http2<T>(self, stream: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.server.limits;
        let requests = self.requests();
        let connection = http2::Builder::new(Streams(self.server.counters.clone()))
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.http2.streams_max)
            .max_header_list_size(limits.http2.header_list_bytes_max)
            .keep_alive_interval(limits.http2.ping_interval)
            .keep_alive_timeout(limits.http2.ping_timeout)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| requests.clone().answer(request)),
            );
        let mut connection = pin!(connection);
        let ended = self.watch(connection.as_mut()).await;
        self.note(&ended);
        match ended {
            Ended::Expired(Phase::Idle) => {
                connection.as_mut().graceful_shutdown();
                drop(timeout(CLOSE_TIMEOUT, connection).await);
            }
            // Answers may still be in hyper's hands, to be written as the client makes room.
            Ended::Drained => drop(connection.await),
            _ => {}
        }
    }

    fn requests(&self) -> Requests {
        let Server {
            app, counters, limits, ..
        } = self.server;
        Requests::new(app.clone(), self.info.clone(), counters.clone(), limits)
    }

    /// Drives the connection to its end.
    async fn watch<C>(&self, mut connection: Pin<&mut C>) -> Ended
    where
        C: GracefulConnection<Error = hyper::Error>,
    {
        let mut watchdog = Watchdog::new(self.info.activity.clone(), &self.server.limits);
        let mut fired = pin!(self.server.shutdown.fired());
        let mut draining = false;
        poll_fn(|cx| {
            if !draining && fired.as_mut().poll(cx).is_ready() {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                return Poll::Ready(Ended::Closed(result));
            }
            if let Poll::Ready(phase) = watchdog.poll(cx) {
                return Poll::Ready(Ended::Expired(phase));
            }
            match watchdog.phase() {
                Phase::Idle | Phase::Header if draining => Poll::Ready(Ended::Drained),
                _ => Poll::Pending,
            }
        })
        .await
    }

    fn note(&self, ended: &Ended) {
        let peer = self.info.peer;
        let counters = &self.server.counters;
        let counter = match ended {
            Ended::Closed(Err(error)) => return debug!(%peer, %error, "a connection failed"),
            Ended::Closed(Ok(())) | Ended::Drained | Ended::Expired(Phase::Working) => return,
            Ended::Expired(Phase::Idle) => &counters.idle_timeouts,
            Ended::Expired(Phase::Header) => &counters.header_timeouts,
            Ended::Expired(Phase::Answering) => &counters.answer_timeouts,
        };
        counter.fetch_add(1, Relaxed);
        debug!(%peer, ?ended, "a connection was closed for want of progress");
    }
}

/// Runs the requests of an HTTP/2 connection, each as a task of its own: a panic in one is
/// counted, and ends no other.
#[derive(Clone)]
struct Streams(Arc<Counters>);

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future + Send + 'static,
{
    fn execute(&self, stream: F) {
        let counters = self.0.clone();
        tokio::spawn(async move {
            if AssertUnwindSafe(stream).catch_unwind().await.is_err() {
                counters.panics.fetch_add(1, Relaxed);
                error!("a request ended in a panic");
            }
        });
    }
}
