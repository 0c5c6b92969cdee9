//! Who gets how much, in virtual time.

use std::num::NonZeroU16;

use nexus_throttle::{Direction::Write, Limiter, Limits, Rate, Throttled};
use tokio::time::Instant;

use crate::harness::{Crowd, Sink, assert_near, jain, seconds};

const KIB: f64 = 1024.0;

fn kib(kib: u64) -> Limits {
    Limits::rate(Rate::kib_per_second(kib))
}

fn weight(weight: u16) -> NonZeroU16 {
    NonZeroU16::new(weight).unwrap()
}

/// A server of so many KiB/s.
fn server(kib_per_second: u64) -> Limiter {
    let server = Limiter::new();
    server.set_limits(Write, kib(kib_per_second));
    server
}

#[tokio::test(start_paused = true)]
async fn a_thousand_share_alike_whatever_their_pieces() {
    let server = server(4_000);
    let mut crowd = Crowd::default();
    let began = Instant::now();
    for place in 0..1000 {
        crowd.add(&server.child(), if place % 2 == 0 { 128 } else { 1 << 20 });
    }
    crowd.run(seconds(30.0)).await;
    for (from, to, jain_min) in [
        (0.25, 5.25, 0.99),
        (7.0, 12.0, 0.99),
        (25.0, 30.0, 0.99),
        (0.0, 30.0, 0.999),
    ] {
        let shares = crowd.between(began, seconds(from), seconds(to));
        assert!(jain(&shares) >= jain_min, "{} from {from} s to {to} s", jain(&shares));
    }
    let total: u64 = crowd.between(began, seconds(1.0), seconds(9.0)).iter().sum();
    assert_near(total, 8.0 * 4_000.0 * KIB, 0.01);
}

/// The acceptance test of old: 100 clients, 30 s, 25600 KiB/s in all and 256 KiB/s each; then without one or the other.
async fn accept(server_kib: u64, connection_kib: u64, clients: u64, time: f64, expected_kib: f64) {
    let server = server(server_kib);
    server.set_child_limits(Write, kib(connection_kib));
    let mut crowd = Crowd::default();
    let began = Instant::now();
    for _ in 0..clients {
        crowd.add(&server.child(), 16 << 10);
    }
    crowd.run(seconds(time)).await;
    for sink in &crowd.sinks {
        assert_near(
            sink.between(began, seconds(0.0), seconds(time)),
            time * expected_kib * KIB,
            0.01,
        );
        for from in [0.25, 1.0, 3.5, time - 1.0] {
            let second = sink.between(began, seconds(from), seconds(from + 1.0));
            assert_near(second, expected_kib * KIB, 0.01);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_client_gets_its_share_to_one_percent() {
    accept(25_600, 256, 100, 30.0, 256.0).await;
    accept(0, 256, 10, 10.0, 256.0).await;
    accept(25_600, 0, 100, 30.0, 256.0).await;
    accept(25_600, 0, 5, 5.0, 5120.0).await;
    accept(25_600, 256, 5, 10.0, 256.0).await;
    accept(64, 0, 1, 30.0, 64.0).await;
    accept(100 << 10, 0, 1, 5.0, 102_400.0).await;
}

#[tokio::test(start_paused = true)]
async fn weights_divide_what_there_is() {
    for rate_kib in [1000, 100_000] {
        let server = server(rate_kib);
        let mut crowd = Crowd::default();
        let began = Instant::now();
        let weights = [1, 2, 3, 10, 84];
        for share in weights {
            let node = server.child();
            node.set_limits(Write, Limits::UNLIMITED.with_weight(weight(share)));
            crowd.add(&node, 16 << 10);
        }
        crowd.run(seconds(10.0)).await;
        for (sink, share) in crowd.sinks.iter().zip(weights) {
            let expected = 8.0 * rate_kib as f64 * KIB * f64::from(share) / 100.0;
            assert_near(sink.between(began, seconds(1.0), seconds(9.0)), expected, 0.02);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_does_not_use_the_others_do() {
    let server = server(1000);
    let mut crowd = Crowd::default();
    let began = Instant::now();
    let slow = server.child();
    slow.set_limits(Write, kib(10));
    let slow = crowd.add(&slow, 4096);
    for _ in 0..9 {
        crowd.add(&server.child(), 4096);
    }
    let idle: Vec<_> = (0..1000)
        .map(|_| Throttled::new(tokio::io::sink(), &server.child()))
        .collect();
    crowd.run(seconds(10.0)).await;
    drop(idle);
    assert_near(slow.between(began, seconds(1.0), seconds(9.0)), 8.0 * 10.0 * KIB, 0.01);
    for other in &crowd.sinks[1..] {
        assert_near(
            other.between(began, seconds(1.0), seconds(9.0)),
            8.0 * 110.0 * KIB,
            0.01,
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_connections_win_no_larger_share_for_their_key() {
    let server = server(2000);
    let (one, many) = (server.named_child("one"), server.named_child("many"));
    let mut crowd = Crowd::default();
    let began = Instant::now();
    let alone = crowd.add(&one.child(), 16 << 10);
    for _ in 0..1000 {
        crowd.add(&many.child(), 16 << 10);
    }
    crowd.run(seconds(10.0)).await;
    assert_near(
        alone.between(began, seconds(1.0), seconds(9.0)),
        8.0 * 1000.0 * KIB,
        0.01,
    );
}

#[tokio::test(start_paused = true)]
async fn all_ceilings_hold_at_once() {
    let server = server(1000);
    let mut crowd = Crowd::default();
    let began = Instant::now();
    // Key a: at most 300, in three connections of at most 50, and one without a limit: 50, 50, 50, 150.
    let a = server.named_child("a");
    a.set_limits(Write, kib(300));
    a.set_child_limits(Write, kib(50));
    for _ in 0..3 {
        crowd.add(&a.child(), 4096);
    }
    let free = a.child();
    free.set_limits(Write, Limits::UNLIMITED);
    crowd.add(&free, 4096);
    // Keys b and c share the rest.
    for name in ["b", "c"] {
        crowd.add(&server.named_child(name).child(), 4096);
    }
    crowd.run(seconds(10.0)).await;
    for (sink, expected) in crowd.sinks.iter().zip([50.0, 50.0, 50.0, 150.0, 350.0, 350.0]) {
        assert_near(
            sink.between(began, seconds(1.0), seconds(9.0)),
            8.0 * expected * KIB,
            0.01,
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_guarantee_is_back_at_once() {
    let server = server(1000);
    let mut crowd = Crowd::default();
    let began = Instant::now();
    for _ in 0..100 {
        crowd.add(&server.child(), 16 << 10);
    }
    let promised = server.child();
    promised.set_limits(Write, Limits::UNLIMITED.with_guaranteed(Rate::kib_per_second(500)));
    crowd.run(seconds(5.0)).await;
    let sink = crowd.add(&promised, 16 << 10);
    crowd.run(seconds(5.0)).await;
    assert!(
        sink.between(began, seconds(5.0), seconds(5.05)) > 0,
        "nothing within 50 ms"
    );
    assert_near(sink.between(began, seconds(5.05), seconds(6.05)), 500.0 * KIB, 0.02);
    assert_near(
        sink.between(began, seconds(6.0), seconds(10.0)),
        4.0 * 500.0 * KIB,
        0.02,
    );
    let rest: Vec<u64> = crowd
        .between(began, seconds(6.0), seconds(10.0))
        .into_iter()
        .take(100)
        .collect();
    assert_near(rest.iter().sum(), 4.0 * 500.0 * KIB, 0.02);
    assert!(jain(&rest) > 0.99, "{}", jain(&rest));
    // Without it, a share like any other, and no debt for what was had.
    promised.set_limits(Write, Limits::UNLIMITED);
    crowd.run(seconds(10.0)).await;
    assert_near(
        sink.between(began, seconds(11.0), seconds(19.0)),
        8.0 * 1000.0 * KIB / 101.0,
        0.02,
    );
}

#[tokio::test(start_paused = true)]
async fn guarantees_hold_at_two_levels() {
    let server = server(1000);
    let mut crowd = Crowd::default();
    let began = Instant::now();
    let guaranteed = |kib| Limits::UNLIMITED.with_guaranteed(Rate::kib_per_second(kib));
    let key = server.child();
    key.set_limits(Write, guaranteed(500));
    let connection = key.child();
    connection.set_limits(Write, guaranteed(300));
    let first = crowd.add(&connection, 4096);
    let others: Vec<Sink> = (0..4).map(|_| crowd.add(&key.child(), 4096)).collect();
    let strangers: Vec<Sink> = (0..20).map(|_| crowd.add(&server.child(), 4096)).collect();
    crowd.run(seconds(10.0)).await;
    let (from, to) = (seconds(2.0), seconds(10.0));
    assert_near(first.between(began, from, to), 8.0 * 300.0 * KIB, 0.02);
    for other in others {
        assert_near(other.between(began, from, to), 8.0 * 50.0 * KIB, 0.02);
    }
    for stranger in strangers {
        assert_near(stranger.between(began, from, to), 8.0 * 25.0 * KIB, 0.02);
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_slow_by_its_own_limit_has_no_claim_when_that_is_lifted() {
    let server = server(1000);
    let mut crowd = Crowd::default();
    let began = Instant::now();
    let slow = server.child();
    slow.set_limits(Write, kib(10));
    let slow_sink = crowd.add(&slow, 4096);
    crowd.add(&server.child(), 4096);
    crowd.run(seconds(20.0)).await;
    slow.set_limits(Write, Limits::UNLIMITED);
    crowd.run(seconds(2.0)).await;
    assert_near(
        slow_sink.between(began, seconds(20.0), seconds(21.0)),
        500.0 * KIB,
        0.02,
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_is_felt_by_ten_thousand_who_wait() {
    let server = Limiter::new();
    server.set_child_limits(Write, kib(1));
    let mut crowd = Crowd::default();
    let began = Instant::now();
    for _ in 0..10_000 {
        crowd.add(&server.child(), 16 << 10);
    }
    let felt =
        |crowd: &Crowd, from: f64, to: f64| -> u64 { crowd.between(began, seconds(from), seconds(to)).iter().sum() };
    crowd.run(seconds(2.0)).await;
    assert_eq!(server.counters(Write).waiting, 10_000);
    server.set_child_limits(Write, kib(10));
    crowd.run(seconds(1.1)).await;
    assert_near(felt(&crowd, 2.1, 3.1), 10_000.0 * 10.0 * KIB, 0.06);
    server.set_limits(Write, kib(1000));
    crowd.run(seconds(1.1)).await;
    assert_near(felt(&crowd, 3.2, 4.2), 1000.0 * KIB, 0.01);
    server.set_limits(Write, Limits::UNLIMITED);
    server.set_child_limits(Write, kib(1));
    crowd.run(seconds(2.0)).await;
    assert_near(felt(&crowd, 5.0, 6.0), 10_000.0 * KIB, 0.51);
}

#[tokio::test(start_paused = true)]
async fn one_who_always_comes_anew_gains_nothing() {
    let server = server(1000);
    let mut crowd = Crowd::default();
    let began = Instant::now();
    let patient = crowd.add(&server.child(), 16 << 10);
    let flood = tokio::spawn({
        let server = server.clone();
        async move {
            loop {
                server.child().acquire(Write, 2000).await.unwrap();
            }
        }
    });
    crowd.run(seconds(5.0)).await;
    flood.abort();
    assert_near(
        patient.between(began, seconds(1.0), seconds(5.0)),
        4.0 * 500.0 * KIB,
        0.05,
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stalls_blocks_no_other() {
    let server = server(1000);
    let mut crowd = Crowd::default();
    let began = Instant::now();
    // Ten that were given a turn, one after the other, and never look at it.
    let mut stalled = Vec::new();
    server.acquire(Write, 4000).await.unwrap();
    for _ in 0..10 {
        let node = server.clone();
        let mut waiting = Box::pin(async move { node.acquire(Write, 100_000).await });
        assert!(futures_now(&mut waiting).await.is_none());
        stalled.push(waiting);
    }
    let sink: Sink = crowd.add(&server.child(), 4096);
    crowd.run(seconds(5.0)).await;
    assert_near(
        sink.between(began, seconds(1.0), seconds(5.0)),
        4.0 * 1000.0 * KIB,
        0.01,
    );
}

/// The outcome of a future that is ready when it is polled once.
async fn futures_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
