//! A certificate authority for one test, and a server certificate by it.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Paths of PEM files.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// Who has signed.
    pub authority: PathBuf,
    /// What the server shows.
    pub certificate: PathBuf,
    /// What the server keeps to itself.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes them in a directory, for `localhost` and 127.0.0.1.
    pub fn make(directory: &Path) -> Certificates {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate for self-signed if it has its issuer's name.
        authority
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let made = Certificates {
            authority: directory.join("ca.pem"),
            certificate: directory.join("cert.pem"),
            key: directory.join("key.pem"),
        };
        std::fs::write(&made.authority, authority.pem()).unwrap();
        std::fs::write(&made.certificate, certificate.pem()).unwrap();
        write_secret(&made.key, &key.serialize_pem());
        made
    }
}

/// Servers refuse a key that others may read.
fn write_secret(path: &Path, text: &str) {
    use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
