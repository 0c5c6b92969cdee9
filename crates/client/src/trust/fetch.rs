//! Fetches what a hub shows of itself, and looks for what is known by a fingerprint.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Url;
use rustls::{ClientConnection, Error as TlsError, crypto::ring::default_provider};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::time::Instant;

use super::{Fingerprint, Trust, pinned::Pinned, tls};
use crate::error::untrusted;

/// How long a line of PEM is.
const LINE_CHARS: usize = 64;
/// Beyond this, somebody who dribbles is not waited for.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// A certificate that has one of the fingerprints.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// As a file for who verifies with it.
    pub(crate) pem: String,
    /// Why the hub could not be verified by it now.
    pub(crate) note: Option<String>,
}

/// Why there is no such certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the address begins with http://, where there is no certificate: say https://")]
    Plain,
    #[error("{0}")]
    Setup(String),
    #[error(
        "--fingerprint is missing: the hub prints it when it starts, and `metric-nexus ca` beside it. What answers here has {0}: compare"
    )]
    Unpinned(String),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Untrusted(String),
}

/// The certificate with one of these fingerprints, out of those that are shown at this address. Blocks the thread.
pub(crate) fn fetch(url: &Url, pins: &[Fingerprint], timeout: Duration) -> Result<Fetched, FetchError> {
    if url.scheme() != "https" {
        return Err(FetchError::Plain);
    }
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(|error| FetchError::Setup(error.to_string()))?;
    let port = url.port_or_known_default().unwrap_or(443);
    let shown = shown(host, port, name.clone(), timeout.min(TIMEOUT_MAX))?;
    let Some((end, rest)) = shown.split_first() else {
        return Err(FetchError::Untrusted("it shows none".to_owned()));
    };
    if pins.is_empty() {
        // An authority's stays when the certificate is renewed.
        let known = rest.last().unwrap_or(end);
        return Err(FetchError::Unpinned(Fingerprint::of(known).to_string()));
    }
    let pinned = Pinned::new(pins.to_vec());
    let algorithms = default_provider().signature_verification_algorithms;
    let verified = pinned.verify(end, rest, &name, UnixTime::now(), algorithms.all);
    let found = shown.iter().find(|shown| pins.contains(&Fingerprint::of(shown)));
    match (found, verified) {
        (Some(found), verified) => Ok(Fetched {
            pem: pem(found),
            note: verified.err().map(|error| why(&error)),
        }),
        (None, Err(error)) => Err(FetchError::Untrusted(why(&error))),
        (None, Ok(())) => Err(FetchError::Untrusted("it has another fingerprint".to_owned())),
    }
}

fn why(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(why) => untrusted(why),
        other => other.to_string(),
    }
}

/// What is shown in a handshake; whoever shows it has its key.
fn shown(
    host: &str,
    port: u16,
    name: ServerName<'static>,
    timeout: Duration,
) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    let setup = |error: String| FetchError::Setup(error);
    let config = tls(Trust::Anyone).map_err(|error| setup(error.to_string()))?;
    let connection = ClientConnection::new(Arc::new(config), name);
    let mut connection = connection.map_err(|error| setup(error.to_string()))?;
    let end = Instant::now() + timeout;
    let mut stream = connect(host, port, timeout)?;
    while connection.is_handshaking() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        stream.set_read_timeout(Some(left))?;
        stream.set_write_timeout(Some(left))?;
        let (read, written) = connection.complete_io(&mut stream)?;
        if read == 0 && written == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    let shown = connection.peer_certificates().unwrap_or_default();
    Ok(shown.iter().map(|shown| shown.clone().into_owned()).collect())
}

/// The first of the host's addresses that answers.
fn connect(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = &*text;
    while !rest.is_empty() {
        let (line, behind) = rest.split_at_checked(LINE_CHARS).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = behind;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
