//! The accept loop, and how it ends.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::Request;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use nexus_usage_log::layer::UsageLogLayer;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::{Layer, service_fn};

use crate::{args::Serve, connection::Connection, proxy::Proxy};

/// How long to wait when the operating system has no connection to give, mostly for want of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// About how large the head of a message may be, and how much of a body is read at once.
pub(crate) const BUFFER_BYTES_MAX: usize = 64 << 10;

/// Serves until it is stopped, then lets what is under way end, for as long as the settings say. Returns how many connections were
/// cut then.
///
/// Clients speak HTTP/1.1. TLS, and HTTP/2 with it, belongs here: between `accept` and `http1`, as a `tokio_rustls` handshake under
/// a deadline.
pub(crate) async fn serve(
    listener: TcpListener,
    settings: &Serve,
    proxy: Proxy,
    layer: UsageLogLayer,
    stop: impl Future<Output = ()>,
) -> usize {
    let proxy = Arc::new(proxy);
    let slots = Arc::new(Semaphore::new(settings.connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, accept(&listener).await)
        };
        let (slot, (stream, peer)) = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accepted => accepted,
        };
        limit_stalled_writes(&stream, settings.idle_timeout_seconds);
        let connection = Arc::new(Connection::new(peer));
        let proxy = proxy.clone();
        let answer = service_fn(move |request: Request<_>| {
            let (proxy, connection) = (proxy.clone(), connection.clone());
            async move { Ok::<_, Infallible>(proxy.answer(&connection, request).await) }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(BUFFER_BYTES_MAX)
            .header_read_timeout(settings.idle_timeout_seconds)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(layer.layer(answer)));
        let serving = graceful.watch(serving);
        connections.spawn(async move {
            // A connection that ends in an error is the client's affair; its requests are in the usage log.
            let _ = serving.await;
            drop(slot);
        });
    }
    drop(listener);
    let all_done = timeout(settings.drain_timeout_seconds, graceful.shutdown())
        .await
        .is_ok();
    while connections.try_join_next().is_some() {}
    let cut = if all_done { 0 } else { connections.len() };
    connections.shutdown().await;
    cut
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// A client that stops reading is no longer written to: its connection ends.
fn limit_stalled_writes(stream: &TcpStream, limit: Duration) {
    let socket = socket2::SockRef::from(stream);
    let mut set = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        set = set.and_then(|()| socket.set_tcp_user_timeout(Some(limit)));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = limit;
    if let Err(error) = set {
        tracing::warn!(%error, "cannot set the options of a connection");
    }
}
