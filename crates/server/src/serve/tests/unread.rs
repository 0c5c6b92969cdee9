//! Answers arrive, whatever the client was sending.

use super::*;

fn post(path: &str, header: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{header}\r\n{body}")
}

#[tokio::test]
async fn what_is_refused_is_read_to_its_end_and_the_connection_goes_on() {
    let served = Served::plain(patient()).await;
    let mut client = served.connect().await;
    for bytes in [1, 100_000, 8 << 20] {
        send(&mut client, &post("/refuse", "", &"x".repeat(bytes))).await;
        assert!(read_until(&mut client, "refused").await.starts_with("HTTP/1.1 401"));
    }
    send(&mut client, &post("/echo", "", "hello")).await;
    assert!(read_until(&mut client, "hello").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_without_end_is_not_read_for_ever() {
    let limits = Limits {
        unread_body_bytes_max: 1 << 20,
        ..patient()
    };
    let served = Served::plain(limits).await;
    let mut client = served.connect().await;
    let head = "POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n";
    send(&mut client, head).await;
    let (mut from, mut to) = client.into_split();
    let sending = tokio::spawn(async move {
        let piece = vec![b'x'; 1 << 16];
        let mut sent = 0_usize;
        while to.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    });
    assert!(read_until(&mut from, "refused").await.starts_with("HTTP/1.1 401"));
    drop(from);
    let sent = timeout(DEADLINE, sending).await.unwrap().unwrap();
    assert!(sent < 100_000_000, "{sent}");
}

#[tokio::test]
async fn a_client_that_waits_for_word_is_answered_at_once_over_http_1() {
    let served = Served::plain(patient()).await;
    let expect = "expect: 100-continue\r\n";
    let mut client = served.connect().await;
    let request = post("/echo", expect, "hello");
    let (head, body) = request.split_at(request.len() - "hello".len());
    send(&mut client, head).await;
    assert_eq!(
        read_until(&mut client, "\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    send(&mut client, body).await;
    assert!(read_until(&mut client, "hello").await.starts_with("HTTP/1.1 200"));
    // What is refused needs no body.
    let mut client = served.connect().await;
    send(
        &mut client,
        &post("/refuse", expect, "hello").replace("\r\n\r\nhello", "\r\n\r\n"),
    )
    .await;
    assert!(read_until(&mut client, "refused").await.starts_with("HTTP/1.1 401"));
}
