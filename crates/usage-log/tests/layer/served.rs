//! The layer in a server on a socket: what is recorded is what the client received.

use nexus_usage_log::Outcome;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{Shop, assert_record, has_curl};

/// As many bytes as curl got, once, over each protocol.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_what_curl_received() {
    if !has_curl() {
        return;
    }
    let shop = Shop::open().await;
    for protocol in ["--http1.1", "--http2-prior-knowledge"] {
        let check = async |path: &str, arguments: &[&str], status: u16, bytes: Option<u64>| {
            let got = shop.curl(path, &[&[protocol], arguments].concat()).await;
            assert_eq!(got.0, status, "{path}");
            if let Some(bytes) = bytes {
                assert_eq!(got.1, bytes, "{path}");
            }
            assert_record(&shop.record().await, path, status, got.1, Outcome::Complete);
        };
        check("/full", &[], 200, Some(1_000)).await;
        check("/large", &[], 200, Some(5_000_000)).await;
        check("/chunked", &[], 200, Some(10_000)).await;
        check("/full", &["--head"], 200, Some(0)).await;
        check("/chunked", &["--head"], 200, Some(0)).await;
        check("/none", &[], 204, Some(0)).await;
        check("/not-modified", &[], 304, Some(0)).await;
        check("/range", &["--range", "0-99"], 206, Some(100)).await;
        check("/gzip", &["-H", "accept-encoding: gzip"], 200, None).await;
        check("/gzip", &[], 200, Some(100_000)).await;
        check("/upload", &["--data-binary", &"y".repeat(700)], 200, Some(3)).await;
        check(
            "/upload",
            &["-H", "transfer-encoding:", "-H", "expect:", "--data-binary", "abc"],
            200,
            Some(1),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_says_who_asked_and_how_much_came() {
    let shop = Shop::open().await;
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let head = "POST /upload HTTP/1.1\r\nhost: a\r\nx-key: acme\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
    stream.write_all(format!("{head}12345").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let record = shop.record().await;
    assert_record(&record, "/upload", 200, 1, Outcome::Complete);
    assert_eq!(
        (
            &*record.dimensions.key,
            &*record.dimensions.method,
            &*record.dimensions.source
        ),
        ("acme", "POST", "layer")
    );
    assert_eq!(record.amounts.bytes_in, head.len() as u64 + 5);
    // All but what the server adds.
    let added = [
        "date: Sat, 21 Nov 2026 00:00:00 GMT\r\n",
        "content-length: 1\r\n",
        "connection: close\r\n",
    ];
    let added: usize = added.map(str::len).iter().sum();
    assert_eq!(record.amounts.bytes_out as usize, answer.len() - added);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_connection_are_recorded_one_by_one() {
    let shop = Shop::open().await;
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let ask = "GET /full HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3);
    stream.write_all(ask.as_bytes()).await.unwrap();
    for record in tokio::task::block_in_place(|| shop.remembered.take(3)) {
        assert_record(&record, "/full", 200, 1_000, Outcome::Complete);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_is_recorded_as_aborted() {
    let shop = Shop::open().await;
    let mut stream = ask(&shop, "/endless").await;
    let mut some = [0; 10_000];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    let records = aborted(&shop).await;
    let last = records.last().unwrap();
    let body_bytes: u64 = records.iter().map(|record| record.amounts.body_bytes).sum();
    assert_eq!(
        (last.dimensions.status, last.dimensions.outcome),
        (200, Outcome::Aborted)
    );
    assert!(body_bytes >= 9_000);
}

/// All records up to the one with the call. It is the last one.
async fn aborted(shop: &Shop) -> Vec<nexus_usage_log::Record> {
    tokio::task::block_in_place(|| {
        let calls = || {
            shop.remembered
                .records()
                .iter()
                .map(|record| record.amounts.calls)
                .sum::<u64>()
        };
        let deadline = std::time::Instant::now() + crate::harness::PATIENCE;
        while calls() == 0 {
            assert!(std::time::Instant::now() < deadline, "no record");
            std::thread::yield_now();
        }
        assert_eq!(calls(), 1);
        shop.remembered.records()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_and_failures_are_recorded_as_errors() {
    let shop = Shop::open().await;
    for (path, status, body_bytes) in [
        ("/panic", 500, 0),
        ("/fail-body", 200, 1_000),
        ("/panic-body", 200, 1_000),
    ] {
        let mut stream = ask(&shop, path).await;
        let mut answer = Vec::new();
        // The connection may be cut off: that is how the client sees the failure.
        let _ = stream.read_to_end(&mut answer).await;
        assert_record(&shop.record().await, path, status, body_bytes, Outcome::Error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_recorded_once() {
    let shop = Shop::open().await;
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let ask = "GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 101");
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(b"hello").await.unwrap();
    let mut echo = [0; 5];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"hello");
    drop(stream);
    assert_record(&shop.record().await, "/upgrade", 101, 0, Outcome::Complete);
}

async fn ask(shop: &Shop, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    stream
}
