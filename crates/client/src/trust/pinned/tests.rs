//! Which certificates a pinned fingerprint lets through.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

use super::*;

struct Authority {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// Two authorities made by this have the same name, and different keys.
fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let der = params.self_signed(&key).unwrap().der().clone();
    let issuer = Issuer::new(params, key);
    Authority { der, issuer }
}

impl Authority {
    /// A certificate for `hub.example`, in force from 2020 to the end of 2029.
    fn sign(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["hub.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        params.signed_by(&key, &self.issuer).unwrap().der().clone()
    }
}

const IN_FORCE: u64 = 1_750_000_000;
const EXPIRED: u64 = 1_950_000_000;

fn verify(pins: &[&[u8]], sent: &[&CertificateDer<'_>], host: &str, unix_s: u64) -> Result<(), String> {
    let provider = rustls::crypto::ring::default_provider();
    let pins = pins.iter().map(|der| Fingerprint::of(der)).collect();
    let (end_entity, intermediates) = sent.split_first().unwrap();
    let intermediates: Vec<_> = intermediates.iter().map(|sent| (*sent).clone()).collect();
    let verified = Pinned::new(pins).verify(
        end_entity,
        &intermediates,
        &ServerName::try_from(host).unwrap(),
        UnixTime::since_unix_epoch(Duration::from_secs(unix_s)),
        provider.signature_verification_algorithms.all,
    );
    verified.map_err(|error| match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => other.to_string(),
        other => other.to_string(),
    })
}

#[test]
fn the_certificate_itself_or_its_authority_is_trusted() {
    let ours = authority();
    let hub = ours.sign();
    let check = |pins: &[&[u8]], sent: &[&CertificateDer<'_>]| {
        assert_eq!(verify(pins, sent, "hub.example", IN_FORCE), Ok(()));
    };
    check(&[&hub], &[&hub]);
    check(&[&hub], &[&hub, &ours.der]);
    check(&[&ours.der], &[&hub, &ours.der]);
    check(&[b"an older one", &ours.der], &[&hub, &ours.der]);
}

#[test]
fn a_pinned_certificate_needs_no_name_and_date_but_an_authority_s_does() {
    let ours = authority();
    let hub = ours.sign();
    let sent = [&hub, &ours.der];
    assert_eq!(verify(&[&hub], &sent, "other.example", EXPIRED), Ok(()));
    let check = |host: &str, unix_s: u64, expected: &str| {
        let refused = verify(&[&ours.der], &sent, host, unix_s).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    };
    check("other.example", IN_FORCE, "not valid for name \"other.example\"");
    check("hub.example", EXPIRED, "certificate expired");
}

#[test]
fn an_authority_that_is_only_sent_along_proves_nothing() {
    let (ours, theirs) = (authority(), authority());
    let forged = theirs.sign();
    let check = |sent: &[&CertificateDer<'_>]| {
        let refused = verify(&[&ours.der], sent, "hub.example", IN_FORCE).unwrap_err();
        assert!(refused.contains("invalid peer certificate"), "{refused}");
    };
    check(&[&forged, &ours.der]);
    check(&[&forged, &theirs.der, &ours.der]);
    check(&[&forged, &ours.der, &theirs.der]);
    // Nor does a pinned certificate that another stands before.
    let hub = ours.sign();
    let refused = verify(&[&hub], &[&forged, &hub], "hub.example", IN_FORCE);
    assert!(refused.is_err());
}

#[test]
fn a_mismatch_says_what_was_found() {
    let (ours, pinned) = (authority(), authority());
    let hub = ours.sign();
    let fingerprint = |der: &[u8]| Fingerprint::of(der).to_string();
    let [hub_is, ours_is, pinned_is] = [&hub, &ours.der, &pinned.der].map(|der| fingerprint(der));
    assert_eq!(
        verify(&[&pinned.der], &[&hub, &ours.der], "hub.example", IN_FORCE),
        Err(format!(
            "its fingerprint is {hub_is}, its authority's {ours_is}, and the client trusts only {pinned_is}"
        ))
    );
    assert_eq!(
        verify(&[&pinned.der, &ours.der], &[&hub], "hub.example", IN_FORCE),
        Err(format!(
            "its fingerprint is {hub_is}, and the client trusts only {pinned_is}, {ours_is}"
        ))
    );
}
