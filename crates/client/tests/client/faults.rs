//! What a hub refuses, and what the client makes of that.

use std::{error::Error as _, time::Duration};

use nexus_client::Client;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::harness::start;

#[tokio::test]
async fn a_key_that_the_hub_does_not_know_is_unauthorized() {
    let hub = start().await;
    let ca = hub.hub.ca_file().unwrap();
    let wrong = hub.builder().ca_file(&ca).key("wrong").build().unwrap();
    let none = Client::builder(format!("https://{}", hub.address))
        .ca_file(&ca)
        .build()
        .unwrap();
    for client in [wrong, none] {
        let error = client.create("m", "").await.unwrap_err();
        assert!(error.is_unauthorized() && !error.is_forbidden(), "{error}");
        assert_eq!(error.problem().unwrap().kind(), "urn:metric-nexus:problem:unauthorized");
        for part in ["API Key", "give the client a key that the hub knows"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_metric_of_the_hub_s_own_is_forbidden() {
    let hub = start().await;
    let error = hub.client().create("metric_nexus_x", "").await.unwrap_err();
    assert!(error.is_forbidden(), "{error}");
    hub.stop().await;
}

#[tokio::test]
async fn an_unknown_metric_is_not_found() {
    let hub = start().await;
    let client = hub.client();
    for error in [
        client.read("m").await.map(drop),
        client.update("m", 1).await,
        client.increment("m").await,
        client.decrement("m").await,
        client.add("m", 1).await,
        client.subtract("m", 1).await,
        client.observe("m", 1).await,
        client.delete("m").await,
    ] {
        let error = error.unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.to_string(), "there is no metric m (404 Not Found)");
        let problem = error.problem().unwrap();
        assert_eq!(
            (problem.title(), problem.detail()),
            ("Not Found", "there is no metric m")
        );
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_that_is_not_there_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::builder(format!("http://{address}"))
        .without_retries()
        .build()
        .unwrap();
    let error = client.increment("m").await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout() && !error.is_untrusted());
    assert_eq!(error.status(), None);
    assert!(error.source().is_some());
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot reach http://{address}/: ")), "{text}");
    assert!(text.contains("refused"), "{text}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for scheme in ["http", "https"] {
        let client = Client::builder(format!("{scheme}://{address}"))
            .danger_accept_any_certificate()
            .timeout(Duration::from_millis(50))
            .without_retries()
            .build()
            .unwrap();
        let error = client.increment("m").await.unwrap_err();
        assert!(error.is_timeout() && !error.is_connect(), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("no answer from {scheme}://{address}/ within 50.0ms: the hub or the way to it is slow or dead")
        );
    }
}

#[tokio::test]
async fn any_time_can_be_given() {
    let hub = start().await;
    let builder = || hub.builder().danger_accept_any_certificate();
    let endless = builder()
        .timeout(Duration::MAX)
        .deadline(Duration::MAX)
        .build()
        .unwrap();
    endless.create("m", "").await.unwrap();
    for none in [builder().timeout(Duration::ZERO), builder().deadline(Duration::ZERO)] {
        let client = none.without_retries().build().unwrap();
        assert!(client.create("m", "").await.unwrap_err().is_timeout());
    }
    hub.stop().await;
}

/// Answers one request with these bytes.
async fn answer_once(bytes: impl Into<Vec<u8>>) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bytes = bytes.into();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    });
    Client::builder(format!("http://{address}"))
        .without_retries()
        .build()
        .unwrap()
}

#[tokio::test]
async fn whatever_answers_is_no_reason_to_panic() {
    let check = async |bytes: &[u8], status: Option<u16>, expected: &str| {
        let error = answer_once(bytes).await.read("m").await.unwrap_err();
        assert_eq!(error.status(), status, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.is_connect() && !error.is_timeout(), "{error:?}");
    };
    check(b"", None, "failed: ").await;
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12", None, "failed: ").await;
    check(b"\x15\x03\x01\x00\x02\x02\x46", None, "failed: ").await;
    check(
        b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>",
        Some(200),
        "the hub answered \"<html></html>\", which is not a number",
    )
    .await;
    check(
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>",
        Some(502),
        "<html> (502 Bad Gateway)",
    )
    .await;
    check(
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        Some(302),
        "302 Found",
    )
    .await;
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'9'; 1_000_000]].concat();
    check(&endless, Some(200), "is not a number").await;
}

#[tokio::test]
async fn a_busy_hub_says_when_to_come_again() {
    let client = answer_once("HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n").await;
    let error = client.increment("m").await.unwrap_err();
    assert_eq!(
        (error.status(), error.retry_after()),
        (Some(503), Some(Duration::from_secs(7)))
    );
}

/// A connection that was kept open is found dead, and another is made.
#[tokio::test]
async fn a_client_outlives_the_hub_s_restart() {
    let first = start().await;
    let address = first.address;
    let client = first
        .builder()
        .danger_accept_any_certificate()
        .without_retries()
        .build()
        .unwrap();
    client.create("m", "").await.unwrap();
    first.stop().await;
    assert_eq!(client.read("m").await.unwrap_err().status(), None);
    let second = crate::harness::start_at(address).await;
    client.create("m", "").await.unwrap();
    second.stop().await;
}
