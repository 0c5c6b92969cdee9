//! Plain HTTP on a port for TLS, everybody's first mistake: it is answered by HTTP that says so.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::time::timeout;
use tracing::debug;

use super::Server;
use super::listener::{Peer, Stream};

/// How long the client may take to take the answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Of the request, so much is read and dropped, so that the answer is not lost with the connection.
const DISCARDED_BYTES_MAX: u64 = 64 << 10;

const DETAIL: &str = "this port speaks HTTPS, and the request came as plain HTTP: use https://\n";

impl Stream {
    /// The first byte that the client sends, which stays to be read; none if it went away.
    async fn first_byte(&self) -> io::Result<Option<u8>> {
        fn peek(socket: impl AsFd) -> io::Result<Option<u8>> {
            let mut byte = [0];
            let (_, read) = recv(socket, &mut byte, RecvFlags::PEEK)?;
            Ok((read > 0).then_some(byte[0]))
        }
        match self {
            Stream::Tcp(stream) => stream.async_io(Interest::READABLE, || peek(stream)).await,
            Stream::Unix(stream) => stream.async_io(Interest::READABLE, || peek(stream)).await,
        }
    }
}

/// How a connection on a port for TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// By a letter, as every method of HTTP does and no record of TLS.
    PlainHttp,
    /// By something else, which is the handshake's business.
    Other,
    /// Not at all: that has been counted.
    Nothing,
}

/// Waits for a connection's first byte, no longer than for a handshake.
pub(super) async fn beginning(stream: &Stream, peer: Peer, server: &Server) -> Beginning {
    let first = tokio::select! {
        first = timeout(server.limits.handshake_timeout, stream.first_byte()) => first,
        () = server.shutdown.fired() => return Beginning::Nothing,
    };
    match first {
        Ok(Ok(Some(byte))) if byte.is_ascii_alphabetic() => Beginning::PlainHttp,
        Ok(_) => Beginning::Other,
        Err(_) => {
            server.counters.handshake_timeouts.fetch_add(1, Relaxed);
            debug!(%peer, "a TLS handshake did not begin");
            Beginning::Nothing
        }
    }
}

/// Answers a request in plain HTTP, whatever it is.
pub(super) async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let length = DETAIL.len();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{DETAIL}"
    );
    let exchange = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(DISCARDED_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // The client may be gone already; there is nobody to tell.
    drop(timeout(CLOSE_TIMEOUT, exchange).await);
}
