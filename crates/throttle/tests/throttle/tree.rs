//! Nodes, their limits, gates and counters.

use std::time::Duration;

use nexus_throttle::{
    Direction::{Read, Write},
    Limiter, Limits, Permit, Rate, Throttled,
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, advance, sleep},
};

use crate::harness::{Crowd, seconds};

fn rate(bytes_per_second: u64) -> Limits {
    Limits::rate(Rate::bytes_per_second(bytes_per_second))
}

#[test]
fn limits_are_of_one_or_of_all() {
    let root = Limiter::new();
    assert_eq!(root.limits(Write), Limits::UNLIMITED);
    let early = root.child();
    root.set_child_limits(Write, rate(7));
    let late = root.child();
    assert_eq!([&early, &late].map(|child| child.limits(Write)), [rate(7); 2]);
    early.set_limits(Write, rate(8).with_burst(9));
    early.set_limits(Read, rate(10));
    assert_eq!(
        (early.limits(Write), late.limits(Write)),
        (rate(8).with_burst(9), rate(7))
    );
    root.set_child_limits(Write, rate(11));
    assert_eq!((early.limits(Write), late.limits(Write)), (rate(11), rate(11)));
    assert_eq!((early.limits(Read), late.limits(Read)), (rate(10), Limits::UNLIMITED));
    assert_eq!(root.child_limits(Read), Limits::UNLIMITED);
}

#[tokio::test]
async fn counters_of_those_that_are_gone_are_their_parents() {
    let root = Limiter::new();
    let key = root.named_child("key");
    for round in 1..=3 {
        let mut stream = Throttled::new(tokio::io::sink(), &key.child());
        stream.write_all(b"12345").await.unwrap();
        assert_eq!(root.counters(Write).bytes, round * 5);
    }
    key.charge(Write, 100);
    assert_eq!((root.counters(Write).bytes, root.counters(Read).bytes), (115, 0));
    assert_eq!(
        root.named()
            .map(|node| node.name().unwrap().to_owned())
            .collect::<Vec<_>>(),
        ["key"]
    );
    assert_eq!(root.children().count(), 1);
    drop(key);
    assert_eq!((root.counters(Write).bytes, root.children().count()), (115, 0));
}

#[test]
fn a_tree_may_be_deep() {
    let root = Limiter::new();
    let mut leaf = root.clone();
    for _ in 0..100_000 {
        leaf = leaf.child();
    }
    drop(leaf);
    assert_eq!(root.children().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_charged_delays_those_that_follow() {
    let server = Limiter::new();
    server.set_limits(Write, rate(100_000));
    let began = Instant::now();
    server.child().charge(Write, 50_000);
    assert_eq!(began.elapsed(), Duration::ZERO);
    server.acquire(Write, 10).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn another_limit_forgives_what_was_owed_under_the_old_one() {
    let server = Limiter::new();
    server.set_limits(Write, rate(1));
    // An operator's own requests, which pass.
    server.charge(Write, 1_000_000);
    server.set_limits(Write, rate(100_000));
    let began = Instant::now();
    server.acquire(Write, 10).await.unwrap();
    // One quantum: 512 bytes.
    assert_eq!(began.elapsed(), Duration::from_millis(6));
}

#[tokio::test(start_paused = true)]
async fn a_meter_changes_its_node() {
    let (slow, fast) = (Limiter::new(), Limiter::new());
    slow.set_limits(Write, rate(1));
    let mut permit = Permit::new(slow.clone(), Write);
    permit.charge(1000);
    permit.set_node(fast.clone());
    let began = Instant::now();
    std::future::poll_fn(|cx| permit.poll_pay(cx, 1000)).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!((slow.counters(Write).bytes, fast.counters(Write).bytes), (1000, 1000));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_brings_no_burst() {
    let server = Limiter::new();
    server.set_limits(Write, rate(1_000_000));
    let mut crowd = Crowd::default();
    let began = Instant::now();
    for _ in 0..10 {
        crowd.add(&server.child(), 4096);
    }
    crowd.run(seconds(1.0)).await;
    advance(Duration::from_secs(3600)).await;
    crowd.run(seconds(1.0)).await;
    let after: u64 = crowd.between(began, seconds(3601.0), seconds(3601.01)).iter().sum();
    // What is forgiven, 20 ms, these 10 ms and a turn of 4 ms.
    assert!(after <= 34_000, "{after}");
    let later: u64 = crowd.between(began, seconds(3601.1), seconds(3601.6)).iter().sum();
    assert!((495_000..=505_000).contains(&later), "{later}");
}

#[tokio::test(start_paused = true)]
async fn waits_are_counted_and_timed() {
    let server = Limiter::new();
    server.set_limits(Write, rate(1000));
    let node = server.named_child("key");
    node.acquire(Write, 100).await.unwrap();
    let waiting = tokio::spawn({
        let node = node.clone();
        async move { node.acquire(Write, 100).await }
    });
    sleep(Duration::from_millis(50)).await;
    assert_eq!(server.counters(Write).waiting, 1);
    waiting.await.unwrap().unwrap();
    let counters = server.counters(Write);
    assert_eq!(
        (counters.waits, counters.waiting, counters.waited),
        (1, 0, Duration::from_millis(100))
    );
}

#[test]
fn those_who_wait_outlive_the_runtime_that_drove_them() {
    let build = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let (first, second) = (build(), build());
    let server = Limiter::new();
    server.set_limits(Write, rate(10_000));
    let acquire = |bytes| {
        let server = server.clone();
        async move { server.acquire(Write, bytes).await }
    };
    // The first who waits starts the driver, on its own runtime; it waits for a minute.
    first.spawn(acquire(600_000));
    while server.counters(Write).waiting == 0 {
        std::thread::yield_now();
    }
    let waiting = second.spawn(acquire(2_000));
    while server.counters(Write).waiting < 2 {
        std::thread::yield_now();
    }
    first.shutdown_background();
    second.block_on(waiting).unwrap().unwrap();
}
