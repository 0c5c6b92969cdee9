//! Whom the client takes for its hub: system roots, an authority, a fingerprint.

use std::path::PathBuf;

use rustls_pki_types::CertificateDer;

use crate::{
    Error,
    trust::{self, NotAFingerprint, Trust},
};

/// Whom the hub may be, as it was said.
#[derive(Clone, Default)]
pub(super) struct Trusted {
    authorities: Vec<Authority>,
    fingerprints: Vec<String>,
    anyone: bool,
}

#[derive(Clone)]
enum Authority {
    File(PathBuf),
    Pem(Vec<u8>),
}

impl Trusted {
    pub(super) fn file(&mut self, path: PathBuf) {
        self.authorities.push(Authority::File(path));
    }

    pub(super) fn pem(&mut self, pem: Vec<u8>) {
        self.authorities.push(Authority::Pem(pem));
    }

    pub(super) fn fingerprint(&mut self, sha256: String) {
        self.fingerprints.push(sha256);
    }

    pub(super) fn anyone(&mut self) {
        self.anyone = true;
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.authorities.is_empty() && self.fingerprints.is_empty() && !self.anyone
    }

    /// Reads the files.
    pub(super) fn trust(&self) -> Result<Trust, Error> {
        let given = [!self.authorities.is_empty(), !self.fingerprints.is_empty(), self.anyone];
        match given {
            [false, false, false] => Ok(Trust::System),
            [true, false, false] => {
                let mut certificates = Vec::new();
                for authority in &self.authorities {
                    certificates.extend(authority.certificates()?);
                }
                Ok(Trust::Authorities(certificates))
            }
            [false, true, false] => {
                let pins = self.fingerprints.iter().map(|text| {
                    text.parse()
                        .map_err(|error: NotAFingerprint| Error::invalid(error.to_string()))
                });
                Ok(Trust::Fingerprints(pins.collect::<Result<_, _>>()?))
            }
            [false, false, true] => Ok(Trust::Anyone),
            _ => Err(Error::invalid(
                "trust authorities, or fingerprints, or any certificate: not several of these",
            )),
        }
    }
}

impl Authority {
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        match self {
            Authority::Pem(pem) => trust::certificates(pem, "the authority's PEM"),
            Authority::File(path) => {
                let path_text = path.display().to_string();
                let pem = std::fs::read(path)
                    .map_err(|error| Error::invalid_because(&format!("cannot read {path_text}"), error))?;
                trust::certificates(&pem, &path_text)
            }
        }
    }
}
