//! When exactly bytes pass.

use std::time::Duration;

use nexus_throttle::{Closed, Direction, Limiter, Limits, Rate, Throttled};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

fn limited(direction: Direction, bytes_per_second: u64) -> Limiter {
    let node = Limiter::new();
    node.set_limits(direction, Rate::bytes_per_second(bytes_per_second).into());
    node
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_second_delivers_five_bytes_in_four_seconds() {
    let mut slow = Throttled::new(&b"abcde"[..], &limited(Direction::Read, 1));
    let began = Instant::now();
    let mut instants = Vec::new();
    let mut bytes = Vec::new();
    for _ in 0..5 {
        let mut rest = [0; 5];
        let count = slow.read(&mut rest).await.unwrap();
        bytes.extend_from_slice(&rest[..count]);
        instants.push(began.elapsed());
    }
    assert_eq!(bytes, b"abcde");
    assert_eq!(instants, [0, 1, 2, 3, 4].map(Duration::from_secs));
}

/// `acquire` in pieces, each at its exact instant.
async fn check(rate: u64, pieces: u64, piece_bytes: u64, expected_ms: u64) {
    let node = limited(Direction::Write, rate);
    let began = Instant::now();
    for _ in 0..pieces {
        node.acquire(Direction::Write, piece_bytes).await.unwrap();
    }
    assert_eq!(
        began.elapsed(),
        Duration::from_millis(expected_ms),
        "{pieces} of {piece_bytes} at {rate} B/s"
    );
}

#[tokio::test(start_paused = true)]
async fn each_piece_waits_for_those_before_it() {
    check(1, 1, 1, 0).await;
    check(1000, 2, 100, 100).await;
    check(1_000_000, 11, 1000, 10).await;
    check(1_000_000, 101, 100_000, 10_096).await;
    check(100_000_000_000, 11, 1_000_000_000, 110).await;
    check(u64::MAX, 1000, 1_000_000, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_passes_at_once_and_then_none() {
    let node = Limiter::new();
    node.set_limits(
        Direction::Write,
        Limits::rate(Rate::bytes_per_second(1000)).with_burst(500),
    );
    tokio::time::advance(Duration::from_secs(100)).await;
    let began = Instant::now();
    for _ in 0..8 {
        node.acquire(Direction::Write, 100).await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn another_limit_ends_the_wait_under_the_old_one() {
    let node = limited(Direction::Write, 1);
    node.acquire(Direction::Write, 1).await.unwrap();
    let waiting = tokio::spawn({
        let node = node.clone();
        async move { node.acquire(Direction::Write, 100_000).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    node.set_limits(Direction::Write, Limits::UNLIMITED);
    waiting.await.unwrap().unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn closing_ends_every_wait_below() {
    let root = limited(Direction::Write, 1);
    let mut stream = Throttled::new(tokio::io::sink(), &root.child());
    stream.write_all(b"x").await.unwrap();
    let waiting = tokio::spawn(async move { stream.write_all(b"yz").await });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(root.counters(Direction::Write).waiting, 1);
    let began = Instant::now();
    root.close();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(root.acquire(Direction::Read, 1).await, Err(Closed));
    assert_eq!(root.counters(Direction::Write).waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_costs_nothing() {
    let node = limited(Direction::Write, 1000);
    node.acquire(Direction::Write, 100).await.unwrap();
    let began = Instant::now();
    // Dropped when a part of it is paid.
    timeout(Duration::from_millis(600), node.acquire(Direction::Write, 10_000))
        .await
        .unwrap_err();
    node.acquire(Direction::Write, 100).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(600));
    assert_eq!(node.counters(Direction::Write).bytes, 200);
}
