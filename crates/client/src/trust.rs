//! Which hub to trust, as a TLS configuration.

#[cfg(feature = "cli")]
mod fetch;
mod fingerprint;
mod pinned;
mod verifier;

use std::sync::Arc;

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    client::{WantsClientCert, danger::ServerCertVerifier},
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::Error;
#[cfg(feature = "cli")]
pub(crate) use fetch::{FetchError, fetch};
pub(crate) use fingerprint::{Fingerprint, NotAFingerprint};
use pinned::Pinned;
use verifier::{Accepted, Verifier};

/// Whom to trust.
#[derive(Debug)]
pub(crate) enum Trust {
    System,
    Authorities(Vec<CertificateDer<'static>>),
    Fingerprints(Vec<Fingerprint>),
    Anyone,
    /// For a client that uses no TLS.
    Nobody,
}

/// The certificates in a PEM text.
///
/// # Errors
/// There are none, or something in it is broken; says so of `what`.
pub(crate) fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::invalid_because(&format!("{what} is not PEM"), error))?;
    if certificates.is_empty() {
        return Err(Error::invalid(format!("{what} has no certificate in it")));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| {
            Error::invalid_because(&format!("{what} has something that is not a certificate"), error)
        })?;
    }
    Ok(certificates)
}

/// What the connections are made with: the trust, and HTTP/2 before HTTP/1.1.
///
/// # Errors
/// The system's authorities cannot be read.
pub(crate) fn tls(trust: Trust) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::invalid_because("cannot set up TLS", error))?;
    let builder = match trust {
        Trust::System => verified_by(builder, system(provider)?),
        Trust::Authorities(certificates) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates);
            builder.with_root_certificates(roots)
        }
        Trust::Fingerprints(pins) => {
            let pinned = Accepted::Pinned(Pinned::new(pins));
            verified_by(builder, Verifier::new(pinned, &provider))
        }
        Trust::Anyone => verified_by(builder, Verifier::new(Accepted::Anyone, &provider)),
        Trust::Nobody => builder.with_root_certificates(RootCertStore::empty()),
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn system(provider: Arc<CryptoProvider>) -> Result<rustls_platform_verifier::Verifier, Error> {
    rustls_platform_verifier::Verifier::new(provider).map_err(|error| {
        Error::invalid_because(
            "cannot read the system's authorities (trust the hub by a CA file or a fingerprint instead)",
            error,
        )
    })
}

fn verified_by(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    verifier: impl ServerCertVerifier + 'static,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
}
