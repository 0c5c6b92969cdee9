//! TLS, as clients see it.

use super::*;

use rustls::RootCertStore;
use rustls::client::{ClientConfig, Resumption};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// A client that trusts this file alone.
fn client(ca: &std::path::Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

async fn connect(served: &Served, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let ca = served.tls.as_ref().unwrap().ca_path().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    client(&ca).connect(name, served.connect().await).await
}

#[tokio::test]
async fn every_name_of_the_certificate_is_served() {
    let served = Served::encrypted(patient()).await;
    for name in ["localhost", "metrics.example", "127.0.0.1", "::1"] {
        let mut client = connect(&served, name).await.unwrap();
        send(&mut client, HELLO).await;
        // An end without close_notify would be an error here.
        assert!(read_rest(&mut client).await.ends_with("hello"), "{name}");
    }
    assert!(connect(&served, "elsewhere.example").await.is_err());
}

#[tokio::test]
async fn another_authority_is_refused_and_the_refusal_counted() {
    let served = Served::encrypted(patient()).await;
    let stranger = Served::encrypted(patient()).await;
    let ca = stranger.tls.as_ref().unwrap().ca_path().unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let refused = client(&ca).connect(name, served.connect().await).await;
    assert!(refused.is_err());
    served.until(|c| &c.handshake_failures, 1).await;
}

#[tokio::test]
async fn the_next_handshake_shows_the_new_certificate() {
    let served = Served::encrypted(patient()).await;
    let shown = async || {
        let client = connect(&served, "localhost").await.unwrap();
        client.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let before = shown().await;
    assert_eq!(shown().await, before);
    let year = Duration::from_secs(364 * 24 * 60 * 60);
    let tls = served.tls.as_ref().unwrap();
    tls.refresh(SystemTime::now() + year).unwrap();
    // Valid from a year in the future on, which is none of this client's business.
    assert!(connect(&served, "localhost").await.is_err());
    std::fs::remove_file(served.directory.path().join("tls/server.pem")).unwrap();
    Tls::open(&settings(&served.directory), SystemTime::now()).unwrap();
    tls.refresh(SystemTime::now()).unwrap();
    assert_ne!(shown().await, before);
}

#[tokio::test]
async fn silence_and_garbage_do_not_get_past_the_handshake() {
    let served = Served::encrypted(quick()).await;
    read_rest(&mut served.connect().await).await;
    served.until(|c| &c.handshake_timeouts, 1).await;
    let check = async |bytes: &str, failures| {
        let mut client = served.connect().await;
        send(&mut client, bytes).await;
        drop(timeout(DEADLINE, client.read_to_end(&mut Vec::new())).await.unwrap());
        served.until(|c| &c.handshake_failures, failures).await;
    };
    check(HELLO, 1).await;
    check(&"\u{7f}\0\u{16}".repeat(1000), 2).await;
    check("\u{16}\u{3}\u{1}\0\u{5}\u{1}\0\0\u{1}\u{3}", 3).await;
    let mut client = connect(&served, "localhost").await.unwrap();
    send(&mut client, HELLO).await;
    assert!(read_rest(&mut client).await.ends_with("hello"));
}

#[tokio::test]
async fn a_half_sent_header_ends_with_a_proper_close() {
    let served = Served::encrypted(quick()).await;
    let mut client = connect(&served, "localhost").await.unwrap();
    send(&mut client, "GET /hello HTTP/1.1\r\n").await;
    assert!(read_rest(&mut client).await.starts_with("HTTP/1.1 408"));
    let mut client = connect(&served, "localhost").await.unwrap();
    assert_eq!(read_rest(&mut client).await, "");
    served.until(|c| &c.idle_timeouts, 1).await;
}

/// A ClientHello that names the server as wrk does, by address, which TLS forbids.
fn hello_naming(name: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let field = |kind: u16, value: &[u8]| [&kind.to_be_bytes(), &length(value.len())[..], value].concat();
    let server_name = [&length(name.len() + 3), &[0][..], &length(name.len()), name].concat();
    let extensions = [
        field(0, &server_name),
        // TLS 1.2's own: P-256, ECDSA with SHA-256, extended master secret.
        field(10, &[0, 2, 0, 23]),
        field(13, &[0, 2, 4, 3]),
        field(23, &[]),
    ]
    .concat();
    // Version 1.2, random, no session, one suite, no compression.
    let mut body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0xc0, 0x2b, 1, 0]].concat();
    body.extend([&length(extensions.len())[..], &extensions].concat());
    let message = [&[1, 0][..], &length(body.len()), &body].concat();
    [&[22, 3, 1][..], &length(message.len()), &message].concat()
}

#[tokio::test]
async fn a_server_named_by_address_is_served_and_by_nonsense_refused() {
    let served = Served::encrypted(patient()).await;
    let check = async |name: &str, expected: &[u8]| {
        let mut client = served.connect().await;
        client.write_all(&hello_naming(name.as_bytes())).await.unwrap();
        let mut record = vec![0; 7];
        timeout(DEADLINE, client.read_exact(&mut record))
            .await
            .unwrap()
            .unwrap();
        // The record's version and length say nothing here.
        assert_eq!([&record[..1], &record[5..6]].concat(), expected, "{name}");
    };
    let handshake_server_hello = [22, 2];
    let alert_fatal = [21, 2];
    check("localhost", &handshake_server_hello).await;
    check("127.0.0.1", &handshake_server_hello).await;
    check("::1", &handshake_server_hello).await;
    check("unknown.example", &handshake_server_hello).await;
    check("[::1]", &alert_fatal).await;
    check("127.0.0.1:9091", &alert_fatal).await;
}
