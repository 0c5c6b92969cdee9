//! Trust by fingerprint.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::Fingerprint;

/// Trusts a certificate with one of these fingerprints, and certificates verified up to an authority with one of them.
///
/// That the other side has the certificate's key is checked in either case: certificates are public.
#[derive(Debug)]
pub(super) struct Pinned {
    pins: Vec<Fingerprint>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// What the other side sent has none of the fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "its fingerprint is {certificate}{}, and the client trusts only {}",
    of_authorities(authorities),
    list(pins)
)]
struct Mismatch {
    certificate: Fingerprint,
    authorities: Vec<Fingerprint>,
    pins: Vec<Fingerprint>,
}

fn of_authorities(authorities: &[Fingerprint]) -> String {
    match authorities {
        [] => String::new(),
        authorities => format!(", its authority's {}", list(authorities)),
    }
}

fn list(fingerprints: &[Fingerprint]) -> String {
    let texts: Vec<String> = fingerprints.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

impl Pinned {
    pub(super) fn new(pins: Vec<Fingerprint>, provider: &CryptoProvider) -> Self {
        Pinned {
            pins,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn is_pinned(&self, certificate: &CertificateDer<'_>) -> bool {
        self.pins.contains(&Fingerprint::of(certificate))
    }

    fn mismatch(&self, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Error {
        let mismatch = Mismatch {
            certificate: Fingerprint::of(end_entity),
            authorities: intermediates.iter().map(|sent| Fingerprint::of(sent)).collect(),
            pins: self.pins.clone(),
        };
        CertificateError::Other(OtherError(Arc::new(mismatch))).into()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_pinned(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let mut roots = RootCertStore::empty();
        for authority in intermediates.iter().filter(|sent| self.is_pinned(sent)) {
            roots.add(authority.clone().into_owned())?;
        }
        if roots.is_empty() {
            return Err(self.mismatch(end_entity, intermediates));
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&certificate, &roots, intermediates, now, self.algorithms.all)?;
        verify_server_name(&certificate, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
