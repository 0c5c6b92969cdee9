//! The local authority: a key and a certificate that signs the server's.
//!
//! Clients hold its certificate for years, so it is never replaced while it is valid. From a
//! year before its end the hub warns at every start. Whoever then removes `ca.pem` gets a new
//! one of the same name and key at the next start: clients that hold the old file go on
//! verifying with it until its end (those that pin the fingerprint must be told the new one).
//! Once it has ended nobody verifies with it any more, so the hub makes its successor by itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::server::ParsedCertificate;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use tracing::{info, warn};

use super::certificate::{Facts, fingerprint};
use super::files::{self, Readers};
use super::{TlsError, served};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIFE: Duration = DAY.saturating_mul(3652);
const WARN_BEFORE_END: Duration = DAY.saturating_mul(365);
const SERVER_LIFE: Duration = DAY.saturating_mul(365);
/// Validity begins in the past, for clients whose clocks are behind.
const CLOCK_SKEW: Duration = Duration::from_secs(60 * 60);

/// The authority as found in, or written to, its directory.
pub(super) struct Authority {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) not_after: SystemTime,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = &self.not_after;
        f.debug_struct("Authority").field("not_after", end).finish()
    }
}

/// Where the authority's certificate lies.
pub(super) fn certificate_path(directory: &Path) -> PathBuf {
    directory.join("ca.pem")
}

fn key_path(directory: &Path) -> PathBuf {
    directory.join("ca.key")
}

impl Authority {
    /// The authority of this directory, made now if there is none.
    pub(super) fn open(directory: &Path, now: SystemTime) -> Result<Self, TlsError> {
        let Some(authority) = Self::find(directory)? else {
            return Self::create(directory, now);
        };
        if authority.not_after <= now {
            warn!("the local authority has ended: a new one is made, and every client must be given its ca.pem");
            return Self::create(directory, now);
        }
        if authority.not_after < now + WARN_BEFORE_END {
            let days = authority.not_after.duration_since(now).unwrap_or_default();
            let days = days.as_secs() / DAY.as_secs();
            warn!(
                days,
                "the local authority ends soon: remove ca.pem and restart, then give clients the new one"
            );
        }
        Ok(authority)
    }

    /// The authority of this directory, if it has one.
    pub(super) fn find(directory: &Path) -> Result<Option<Self>, TlsError> {
        let path = certificate_path(directory);
        let Some(pem) = files::read(&path)? else {
            return Ok(None);
        };
        let key_path = key_path(directory);
        let key = read_key(&key_path)?.ok_or_else(|| TlsError::AuthorityKey {
            key: key_path,
            certificate: path.clone(),
        })?;
        Self::new(&pem, key, &path).map(Some)
    }

    fn new(pem: &[u8], key: KeyPair, path: &Path) -> Result<Self, TlsError> {
        let certificate = CertificateDer::from_pem_slice(pem).map_err(|source| TlsError::Pem {
            path: path.into(),
            expected: "certificate",
            source,
        })?;
        let malformed = || TlsError::Certificate { path: path.into() };
        Ok(Self {
            not_after: Facts::of(&certificate).ok_or_else(malformed)?.not_after,
            pem: String::from_utf8_lossy(pem).into_owned(),
            issuer: Issuer::new(params(), key),
            certificate,
        })
    }

    /// Makes the certificate, and the key unless there is one.
    fn create(directory: &Path, now: SystemTime) -> Result<Self, TlsError> {
        files::create_directory(directory)?;
        let key = key_at(&key_path(directory))?;
        let mut params = params();
        params.serial_number = Some(serial()?);
        params.not_before = (now - CLOCK_SKEW).into();
        params.not_after = (now + LIFE).into();
        let certificate = params.self_signed(&key)?;
        let path = certificate_path(directory);
        let pem = certificate.pem();
        files::write(&path, &pem, Readers::All)?;
        info!(fingerprint = %fingerprint(certificate.der()), "made a local authority");
        Self::new(pem.as_bytes(), key, &path)
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// Until when a server's certificate signed now would be valid: a year, but never beyond
    /// the authority itself.
    pub(super) fn server_end(&self, now: SystemTime) -> SystemTime {
        self.not_after.min(now + SERVER_LIFE)
    }

    /// The PEM of a certificate for this key and these names, followed by the authority's own.
    pub(super) fn sign(
        &self,
        key: &KeyPair,
        names: impl IntoIterator<Item = String>,
        now: SystemTime,
    ) -> Result<String, TlsError> {
        let mut params = CertificateParams::new(names.into_iter().collect::<Vec<_>>())?;
        params.serial_number = Some(serial()?);
        params.not_before = (now - CLOCK_SKEW).into();
        params.not_after = self.server_end(now).into();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Metric Nexus");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(certificate.pem() + &self.pem)
    }

    /// Whether the authority's key signed this certificate, however old the two are.
    pub(super) fn has_signed(&self, certificate: &CertificateDer<'_>, facts: &Facts) -> bool {
        let mut roots = RootCertStore::empty();
        let last_second = facts.not_after.duration_since(SystemTime::UNIX_EPOCH);
        let (Ok(()), Ok(parsed), Ok(last_second)) = (
            roots.add(self.certificate.clone()),
            ParsedCertificate::try_from(certificate),
            last_second,
        ) else {
            return false;
        };
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &roots,
            &[],
            UnixTime::since_unix_epoch(last_second),
            served::provider().signature_verification_algorithms.all,
        )
        .is_ok()
    }
}

/// What every certificate of the authority has in common. The same for all of them, so that one
/// can stand for another of the same key.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Metric Nexus local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.use_authority_key_identifier_extension = true;
    params
}

/// The key in this file, made now (ECDSA P-256) if there is none.
pub(super) fn key_at(path: &Path) -> Result<KeyPair, TlsError> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let key = KeyPair::generate()?;
    files::write(path, &key.serialize_pem(), Readers::Owner)?;
    Ok(key)
}

fn read_key(path: &Path) -> Result<Option<KeyPair>, TlsError> {
    let Some(pem) = files::read(path)? else {
        return Ok(None);
    };
    let key = KeyPair::from_pem(&String::from_utf8_lossy(&pem)).map_err(|source| TlsError::Key {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(key))
}

/// Random, since a renewed certificate keeps its key: clients refuse two certificates of one
/// authority and one number.
fn serial() -> Result<SerialNumber, TlsError> {
    let mut number = [0; 16];
    getrandom::fill(&mut number)?;
    // Positive, and never shortened by a leading zero.
    if let Some(first) = number.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    Ok(SerialNumber::from_slice(&number))
}
