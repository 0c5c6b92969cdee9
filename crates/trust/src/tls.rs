//! How servers are verified.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, pem, pem::PemObject as _};

/// These cannot be authorities.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is no certificate among them.
    #[error("no certificate: authorities are given in PEM, each from BEGIN CERTIFICATE to END CERTIFICATE")]
    Empty,
    /// They are no PEM.
    #[error("the authorities are no PEM")]
    Pem(#[from] pem::Error),
    /// One of them is no authority, or there can be no TLS at all.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// A client's side of TLS, for which servers are verified: by these authorities (in PEM), or by those that this machine
/// trusts.
///
/// # Errors
/// These are no authorities.
pub fn client_tls(authorities: Option<&[u8]>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate?)?;
            }
            if roots.is_empty() {
                return Err(TlsError::Empty);
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    let provider = match CryptoProvider::get_default() {
        Some(provider) => provider.clone(),
        None => Arc::new(rustls::crypto::ring::default_provider()),
    };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_certificates_in_pem() {
        let check = |authorities: Option<&str>, expected: &str| {
            let said = match client_tls(authorities.map(str::as_bytes)) {
                Ok(_) => "made".to_owned(),
                Err(error) => error.to_string(),
            };
            assert!(said.starts_with(expected), "{authorities:?}: {said}");
        };
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
        check(None, "made");
        check(Some(&authority), "made");
        check(Some(&authority.repeat(2)), "made");
        check(Some(""), "no certificate");
        check(Some("neither"), "no certificate");
        check(Some("-----BEGIN CERTIFICATE-----\nAAAA"), "the authorities are no PEM");
        check(
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "invalid peer certificate",
        );
    }
}
