//! What can go wrong with certificates, named by file and with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no certificate to serve, or no new one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TlsError {
    /// Only one of the two paths is configured.
    #[error("a certificate needs its key: configure both paths, or neither for a generated one")]
    OnePath,
    /// Only one of the two configured files exists.
    #[error("{} is missing but {} exists: if that is a slip of the pen, correct the path; else restore the file. Both are made only where neither is there", missing.display(), present.display())]
    Missing { missing: PathBuf, present: PathBuf },
    /// The authority cannot sign any more.
    #[error("{} is missing but {} exists: restore the key; or remove the certificate to have a new authority made, which every client must then be given", key.display(), certificate.display())]
    AuthorityKey { key: PathBuf, certificate: PathBuf },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The file is not PEM, or holds something else.
    #[error("{} holds no {expected} in PEM form", path.display())]
    Pem {
        path: PathBuf,
        expected: &'static str,
        source: rustls_pki_types::pem::Error,
    },
    /// The certificate is none the hub understands.
    #[error("the certificate in {} is malformed", path.display())]
    Certificate { path: PathBuf },
    /// The key cannot be used with the certificate.
    #[error("the key in {} cannot be used with the certificate in {}", key.display(), cert.display())]
    Pair {
        cert: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
    /// A configured name cannot stand in a certificate.
    #[error("{name:?} is neither a host name nor an address, so no certificate can name it")]
    Name { name: String },
    /// A key of ours was replaced by one that generated certificates cannot be signed with.
    #[error("cannot sign with the key in {}: restore it, or remove it and the certificate beside it", path.display())]
    Key { path: PathBuf, source: rcgen::Error },
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Generate(#[from] rcgen::Error),
    /// The operating system has no random numbers.
    #[error("the operating system gives no random numbers")]
    Random(#[from] getrandom::Error),
    /// The TLS library refused its configuration.
    #[error("cannot set up TLS")]
    Setup(#[source] rustls::Error),
}

impl TlsError {
    /// For `map_err`: what was being done to which file.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
