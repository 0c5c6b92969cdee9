//! Trust by fingerprint.

use std::sync::Arc;

use rustls::{
    CertificateError, Error, OtherError, RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};

use super::Fingerprint;

/// Trusts a certificate with one of these fingerprints, and certificates verified up to an authority with one of them.
#[derive(Debug)]
pub(super) struct Pinned {
    pins: Vec<Fingerprint>,
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
    pub(super) fn new(pins: Vec<Fingerprint>) -> Self {
        Pinned { pins }
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

    /// That the other side has the certificate's key is not looked at.
    pub(super) fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), Error> {
        if self.is_pinned(end_entity) {
            return Ok(());
        }
        let mut roots = RootCertStore::empty();
        for authority in intermediates.iter().filter(|sent| self.is_pinned(sent)) {
            roots.add(authority.clone().into_owned())?;
        }
        if roots.is_empty() {
            return Err(self.mismatch(end_entity, intermediates));
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&certificate, &roots, intermediates, now, algorithms)?;
        verify_server_name(&certificate, server_name)
    }
}

#[cfg(test)]
mod tests;
