//! Each way to trust a hub's certificate.

use std::{net::SocketAddr, sync::Arc};

use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
use tokio::net::TcpListener;

use crate::{
    harness::{Running, builder_at, start, start_plain, start_with_certificate},
    proxy::Proxy,
};

const OTHER: &str = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// TLS for a client that is not ours.
pub(crate) fn config(ca: Option<&[u8]>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(ca.map(|ca| CertificateDer::from_pem_slice(ca).unwrap()));
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[tokio::test]
async fn each_way_to_trust_a_hub() {
    let hub = start().await;
    let fingerprint = hub.hub.fingerprint().unwrap();
    let pem = std::fs::read(hub.hub.ca_file().unwrap()).unwrap();
    for builder in [
        hub.builder().ca_file(hub.hub.ca_file().unwrap()),
        hub.builder().ca_pem(pem),
        hub.builder().fingerprint(&fingerprint),
        hub.builder()
            .fingerprint(OTHER)
            .fingerprint(format!("sha256:{fingerprint}")),
        hub.builder().danger_accept_any_certificate(),
    ] {
        builder.build().unwrap().create("m", "").await.unwrap();
    }
    hub.stop().await;
}

#[tokio::test]
async fn another_fingerprint_is_refused_and_the_right_one_named() {
    let hub = start().await;
    let client = hub.builder().fingerprint(OTHER).build().unwrap();
    let error = client.create("m", "").await.unwrap_err();
    assert!(error.is_untrusted() && !error.is_connect() && !error.is_timeout());
    assert!(!error.is_transient() && !error.is_outcome_unknown() && error.tries() == 1);
    let text = error.to_string();
    for part in [
        format!("the certificate of https://{}/ is not trusted", hub.address),
        format!("its authority's sha256:{}", hub.hub.fingerprint().unwrap()),
        format!("trusts only {OTHER}"),
        "give the client its fingerprint".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert!(hub.hub.read("m").is_err());
    hub.stop().await;
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let (hub, other) = (start().await, start().await);
    let foreign = hub.builder().ca_file(other.hub.ca_file().unwrap());
    // The system knows other authorities, or none at all; neither is the hub's.
    for builder in [foreign, hub.builder()] {
        let Ok(client) = builder.build() else { continue };
        let error = client.read("m").await.unwrap_err();
        assert!(error.is_untrusted(), "{error}");
    }
    hub.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_name_that_the_certificate_does_not_hold_is_refused() {
    let hub = start().await;
    let Proxy { address, .. } = Proxy::at("127.0.0.2:0", hub.address).await;
    for builder in [
        builder_at(address).ca_file(hub.hub.ca_file().unwrap()),
        builder_at(address).fingerprint(hub.hub.fingerprint().unwrap()),
    ] {
        let error = builder.build().unwrap().read("m").await.unwrap_err();
        assert!(error.is_untrusted(), "{error}");
        assert!(error.to_string().contains("127.0.0.2"), "{error}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused_with_advice() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();

    let hub = start_with_certificate(&certificate, &key.serialize_pem()).await;
    let error = hub
        .builder()
        .ca_pem(ca)
        .build()
        .unwrap()
        .create("m", "")
        .await
        .unwrap_err();
    assert!(
        error.is_untrusted() && !error.is_transient() && error.tries() == 1,
        "{error}"
    );
    for part in [
        "certificate expired",
        "renew it at the hub, or set this machine's clock",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    hub.stop().await;
}

/// It would be the same the next time.
#[tokio::test]
async fn what_speaks_no_tls_is_not_tried_again() {
    let plain = start_plain().await;
    let client = builder_at(plain.address)
        .danger_accept_any_certificate()
        .build()
        .unwrap();
    let error = client.read("m").await.unwrap_err();
    assert!(
        error.is_connect() && !error.is_transient() && !error.is_outcome_unknown(),
        "{error:?}"
    );
    assert_eq!(error.tries(), 1);
    let expected = format!("cannot speak TLS with https://{}/: ", plain.address);
    assert!(error.to_string().starts_with(&expected), "{error}");
    plain.stop().await;
}

/// A certificate is public; whoever shows it must have its key.
#[tokio::test]
async fn a_copied_certificate_is_refused() {
    let hub = start().await;
    let impostor = impostor(&hub).await;
    for builder in [
        builder_at(impostor).fingerprint(hub.hub.fingerprint().unwrap()),
        builder_at(impostor).ca_file(hub.hub.ca_file().unwrap()),
        builder_at(impostor).danger_accept_any_certificate(),
    ] {
        let error = builder.build().unwrap().read("m").await.unwrap_err();
        assert!(error.is_untrusted(), "{error}");
        assert!(error.to_string().contains("BadSignature"), "{error}");
    }
    hub.stop().await;
}

/// Shows the hub's certificates, and signs with another key.
async fn impostor(hub: &Running) -> SocketAddr {
    let path = hub.hub.ca_file().unwrap().with_file_name("server.pem");
    let chain = CertificateDer::pem_file_iter(path)
        .unwrap()
        .collect::<Result<Vec<_>, _>>();
    let key = rcgen::KeyPair::generate().unwrap().serialize_der();
    let key = rustls::crypto::ring::sign::any_ecdsa_type(&PrivatePkcs8KeyDer::from(key).into()).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain.unwrap(), key));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The client ends it, for the reason that the test looks at.
            drop(acceptor.accept(stream).await);
        }
    });
    address
}

/// HTTP/2, since HTTP/1.1 would need a connection for each request under way.
#[tokio::test]
async fn all_that_is_asked_at_once_shares_one_connection() {
    let hub = start().await;
    let proxy = Proxy::before(hub.address).await;
    let client = builder_at(proxy.address)
        .ca_file(hub.hub.ca_file().unwrap())
        .build()
        .unwrap();
    client.create("m", "").await.unwrap();
    let increments: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.increment("m").await })
        })
        .collect();
    for increment in increments {
        increment.await.unwrap().unwrap();
    }
    assert_eq!(client.read("m").await.unwrap(), 50.0);
    assert_eq!(proxy.connections(), 1);
    hub.stop().await;
}
