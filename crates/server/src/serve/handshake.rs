//! TLS handshakes: under a deadline, and with failures put into words.

use std::io;
use std::sync::atomic::Ordering::Relaxed;

use rustls::{AlertDescription, InvalidMessage, PeerMisbehaved};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use super::{Peer, Server};
use crate::tls::Tls;

/// The encrypted stream, or `None` when there is to be none; that has been counted and logged.
pub(super) async fn shake<T>(stream: T, peer: Peer, tls: &Tls, server: &Server) -> Option<TlsStream<T>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let accept = TlsAcceptor::from(tls.server_config()).accept(stream);
    let in_time = timeout(server.limits.handshake_timeout, accept);
    let shaken = tokio::select! {
        shaken = in_time => shaken,
        () = server.shutdown.fired() => return None,
    };
    match shaken {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            server.counters.handshake_failures.fetch_add(1, Relaxed);
            if let Some(unsaid) = server.failed_handshakes.now() {
                let reason = reason(&error);
                warn!(%peer, %error, reason, unsaid, "a TLS handshake failed");
            }
            None
        }
        Err(_) => {
            server.counters.handshake_timeouts.fetch_add(1, Relaxed);
            debug!(%peer, "a TLS handshake took too long");
            None
        }
    }
}

/// A client that does not even try to shake hands.
pub(super) fn note_plain_http(peer: Peer, server: &Server) {
    server.counters.handshake_failures.fetch_add(1, Relaxed);
    if let Some(unsaid) = server.failed_handshakes.now() {
        warn!(%peer, unsaid, "plain HTTP came to a port that speaks HTTPS: the client was told so");
    }
}

/// What the error most likely means for whoever runs the client.
fn reason(error: &io::Error) -> &'static str {
    use AlertDescription::{BadCertificate, CertificateExpired, CertificateUnknown, UnknownCA};
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    match error {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "the client does not speak TLS: plain HTTP?"
        }
        Some(rustls::Error::AlertReceived(UnknownCA | BadCertificate | CertificateUnknown)) => {
            "the client does not trust the certificate: does it have the right ca.pem, and does it ask for a name in the certificate?"
        }
        Some(rustls::Error::AlertReceived(CertificateExpired)) => {
            "the client holds the certificate for expired: is its clock right?"
        }
        Some(rustls::Error::PeerMisbehaved(PeerMisbehaved::ServerNameMustContainOneHostName)) => {
            "the client named the server by what is no host name"
        }
        Some(rustls::Error::PeerIncompatible(_)) => "client and hub have no version or cipher of TLS in common",
        Some(_) => "the client broke the protocol, or found that we did",
        None => "the client went away",
    }
}
