//! A certificate and its key, as they lie on disk.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::Facts;
use super::files::{self, Stamp};
use super::{Settings, TlsError, served};

/// Where the pair lies, and whose place it is.
#[derive(Clone, Debug)]
pub(super) struct Location {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    pub(super) place: Place,
}

/// Whose files these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The hub's own directory: what is there can be made again.
    State,
    /// Paths the operator chose: what is there is never replaced unless we made it.
    Operator,
}

/// A certificate chain and a key that fit each other.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) facts: Facts,
}

impl Location {
    /// The place these settings name.
    pub(super) fn of(settings: &Settings) -> Result<Self, TlsError> {
        let (cert, key, place) = match (&settings.cert, &settings.key) {
            (Some(cert), Some(key)) => (cert.clone(), key.clone(), Place::Operator),
            (None, None) => {
                let file = |name| settings.directory.join(name);
                (file("server.pem"), file("server.key"), Place::State)
            }
            _ => return Err(TlsError::OnePath),
        };
        Ok(Self { cert, key, place })
    }

    /// The present state of the files.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp::of([&self.cert, &self.key])
    }

    /// Whether a pair is there.
    ///
    /// # Errors
    ///
    /// When an operator's place has one file of the two: making the other would not fit it.
    pub(super) fn is_filled(&self) -> Result<bool, TlsError> {
        let missing = |missing: &PathBuf, present: &PathBuf| TlsError::Missing {
            missing: missing.clone(),
            present: present.clone(),
        };
        match (files::exists(&self.cert)?, files::exists(&self.key)?) {
            (true, true) => Ok(true),
            (false, false) => Ok(false),
            _ if self.place == Place::State => Ok(false),
            (false, true) => Err(missing(&self.cert, &self.key)),
            (true, false) => Err(missing(&self.key, &self.cert)),
        }
    }
}

impl Pair {
    /// Reads both files and checks that they fit.
    pub(super) fn read(location: &Location) -> Result<Self, TlsError> {
        let Location { cert, key, .. } = location;
        let chain = chain(location)?;
        let malformed = || TlsError::Certificate { path: cert.clone() };
        let facts = chain.first().and_then(|end| Facts::of(end));
        let facts = facts.ok_or_else(malformed)?;
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|source| {
            let expected = "private key";
            let path = key.clone();
            TlsError::Pem { path, expected, source }
        })?;
        let certified = CertifiedKey::from_der(chain, secret, served::provider());
        let certified = certified.map_err(|source| TlsError::Pair {
            cert: cert.clone(),
            key: key.clone(),
            source,
        })?;
        Ok(Self {
            certified: Arc::new(certified),
            facts,
        })
    }

    /// The certificate that names the server.
    pub(super) fn end_certificate(&self) -> &CertificateDer<'static> {
        // A chain without a first certificate was refused on reading.
        static NONE: CertificateDer<'static> = CertificateDer::from_slice(&[]);
        self.certified.cert.first().unwrap_or(&NONE)
    }
}

fn chain(location: &Location) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = &location.cert;
    CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|chain| match chain.is_empty() {
            true => Err(rustls_pki_types::pem::Error::NoItemsFound),
            false => Ok(chain),
        })
        .map_err(|source| TlsError::Pem {
            path: path.clone(),
            expected: "certificate",
            source,
        })
}

fn read(path: &PathBuf) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(TlsError::file("read", path))
}
