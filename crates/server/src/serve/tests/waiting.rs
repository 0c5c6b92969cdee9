//! What each kind of waiting comes to.

use super::*;

const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_header_that_never_ends_is_answered_408() {
    let served = Served::plain(quick()).await;
    let mut client = served.connect().await;
    send(&mut client, "GET /hello HTTP/1.1\r\n").await;
    assert!(read_rest(&mut client).await.starts_with("HTTP/1.1 408"));
    served.until(|c| &c.header_timeouts, 1).await;
}

#[tokio::test]
async fn a_header_that_dribbles_is_not_given_more_time() {
    let served = Served::plain(quick()).await;
    let (mut from, mut to) = served.connect().await.into_split();
    let dribble = tokio::spawn(async move {
        let mut pace = tokio::time::interval(QUICK / 10);
        while to.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
    });
    let mut seen = Vec::new();
    // The bytes still under way turn the orderly end into a reset.
    drop(timeout(DEADLINE, from.read_to_end(&mut seen)).await.unwrap());
    served.until(|c| &c.header_timeouts, 1).await;
    timeout(DEADLINE, dribble).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_second_header_that_never_ends_is_closed_as_well() {
    let served = Served::plain(quick()).await;
    let mut client = served.connect().await;
    send(&mut client, HELLO).await;
    read_until(&mut client, "hello").await;
    send(&mut client, "GET").await;
    assert!(read_rest(&mut client).await.starts_with("HTTP/1.1 408"));
    served.until(|c| &c.header_timeouts, 1).await;
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_timeout_but_not_the_idle_timeout() {
    let served = Served::plain(quick()).await;
    let mut client = served.connect().await;
    send(&mut client, &HELLO.repeat(2)).await;
    read_until(&mut client, "hello").await;
    read_until(&mut client, "hello").await;
    let idle = Instant::now();
    assert_eq!(read_rest(&mut client).await, "");
    assert!(idle.elapsed() > 2 * QUICK);
    served.until(|c| &c.idle_timeouts, 1).await;
    assert_eq!(served.counters.header_timeouts.load(Relaxed), 0);
}

#[tokio::test]
async fn requests_keep_a_connection_open_beyond_the_idle_timeout() {
    let served = Served::plain(quick()).await;
    let mut client = served.connect().await;
    let mut pace = tokio::time::interval(QUICK);
    for _ in 0..6 {
        pace.tick().await;
        send(&mut client, HELLO).await;
        read_until(&mut client, "hello").await;
    }
}

#[tokio::test]
async fn a_silent_plain_connection_ends_at_the_idle_timeout() {
    let served = Served::plain(quick()).await;
    assert_eq!(read_rest(&mut served.connect().await).await, "");
    served.until(|c| &c.idle_timeouts, 1).await;
}

#[tokio::test]
async fn a_body_that_stops_arriving_fails_its_request() {
    let served = Served::plain(quick()).await;
    let mut client = served.connect().await;
    let request = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf";
    send(&mut client, request).await;
    assert!(read_rest(&mut client).await.starts_with("HTTP/1.1 408"));
    served.until(|c| &c.body_timeouts, 1).await;
}

#[tokio::test]
async fn a_slow_body_is_waited_for() {
    let served = Served::plain(quick()).await;
    let mut client = served.connect().await;
    send(
        &mut client,
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n",
    )
    .await;
    let mut pace = tokio::time::interval(QUICK / 3);
    for byte in "slow_body".split_inclusive(|_| true) {
        pace.tick().await;
        send(&mut client, byte).await;
    }
    read_until(&mut client, "slow_body").await;
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_cut() {
    let served = Served::plain(quick()).await;
    let mut client = served.connect().await;
    send(&mut client, "GET /big HTTP/1.1\r\nhost: x\r\n\r\n").await;
    served.until(|c| &c.answer_timeouts, 1).await;
    served.until(|c| &c.connections_open, 0).await;
}

#[tokio::test]
async fn an_answer_that_is_taken_slowly_is_not() {
    // Longer than a busy machine may leave this test alone, and three times shorter than the whole takes.
    let patience = Duration::from_secs(1);
    let limits = Limits {
        body_idle_timeout: patience,
        ..quick()
    };
    let served = Served::plain(limits).await;
    let mut client = served.connect().await;
    send(&mut client, "GET /big HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut pace = tokio::time::interval(patience / 20);
    let mut piece = vec![0; 16 << 10];
    for _ in 0..60 {
        pace.tick().await;
        let read = client.read_exact(&mut piece).await;
        read.expect("an answer that is taken slowly was cut");
    }
    assert_eq!(served.counters.answer_timeouts.load(Relaxed), 0);
}

#[tokio::test]
async fn a_request_that_takes_us_long_is_not_held_against_the_client() {
    let served = Served::plain(quick()).await;
    let mut client = served.connect().await;
    send(&mut client, "GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // Another connection's idle timeout is the longest of all: the first survives it.
    assert_eq!(read_rest(&mut served.connect().await).await, "");
    served.gate.add_permits(1);
    read_until(&mut client, "waited").await;
}
