//! The bytes are the same, all of them, and the end comes after the last.

use std::{
    io::{IoSlice, Read, Write},
    time::Duration,
};

use nexus_throttle::{Blocking, Direction, Limiter, Limits, Rate, Throttled, ThrottledListener};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

#[derive(Debug, Clone)]
struct Case {
    bytes: Vec<u8>,
    /// The sizes of pieces, in turn; a vectored write has two of them.
    writes: Vec<(usize, bool)>,
    reads: Vec<usize>,
    pipe_bytes: usize,
    /// Of both directions, one after the other while it runs.
    rates: Vec<u64>,
    /// Whether a write is given up after a millisecond and begun anew.
    impatient: bool,
}

fn case(bytes_max: usize) -> impl Strategy<Value = Case> {
    let rate = prop_oneof![1 => Just(0), 1 => Just(1), 8 => 1_000..1_000_000_u64, 2 => Just(100_000_000_000)];
    (
        prop::collection::vec(any::<u8>(), 0..bytes_max),
        prop::collection::vec((1..5000_usize, any::<bool>()), 1..4),
        prop::collection::vec(1..5000_usize, 1..4),
        1..5000_usize,
        prop::collection::vec(rate, 1..4),
        any::<bool>(),
    )
        .prop_map(|(bytes, writes, reads, pipe_bytes, rates, impatient)| Case {
            bytes,
            writes,
            reads,
            pipe_bytes,
            rates,
            impatient,
        })
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), case: &Case) {
    let mut rest = case.bytes.as_slice();
    for (piece, vectored) in case.writes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (first, others) = rest.split_at(rest.len().min(*piece));
        let second = &others[..others.len().min(*piece)];
        let write = async {
            if *vectored {
                stream
                    .write_vectored(&[IoSlice::new(&[]), IoSlice::new(first), IoSlice::new(second)])
                    .await
            } else {
                stream.write(first).await
            }
        };
        let written = if case.impatient {
            timeout(Duration::from_millis(1), write).await.unwrap_or(Ok(0))
        } else {
            write.await
        };
        rest = &rest[written.unwrap()..];
    }
    stream.shutdown().await.unwrap();
}

async fn receive(stream: &mut (impl AsyncRead + Unpin), case: &Case) -> Vec<u8> {
    let mut received = Vec::new();
    for size in case.reads.iter().cycle() {
        let mut buffer = vec![0xAA; *size];
        let count = stream.read(&mut buffer).await.unwrap();
        if count == 0 {
            break;
        }
        received.extend_from_slice(&buffer[..count]);
    }
    received
}

/// There, and when that side has ended, back.
async fn there_and_back<A, B>(a: A, b: B, case: &Case)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let node = Limiter::new();
    let (mut a, mut b) = (Throttled::new(a, &node.child()), Throttled::new(b, &node.child()));
    let change = async {
        for rate in &case.rates {
            for direction in Direction::BOTH {
                node.set_limits(direction, Rate::bytes_per_second(*rate).into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // So that a case of 1 B/s ends.
        node.set_limits(Direction::Read, Limits::UNLIMITED);
        node.set_limits(Direction::Write, Limits::UNLIMITED);
    };
    let there = async {
        let ((), received) = tokio::join!(send(&mut a, case), receive(&mut b, case));
        assert_eq!(Sha256::digest(&received), Sha256::digest(&case.bytes));
        let ((), received) = tokio::join!(send(&mut b, case), receive(&mut a, case));
        assert!(received == case.bytes);
    };
    tokio::join!(change, there);
    for direction in Direction::BOTH {
        let counters = node.counters(direction);
        assert_eq!((counters.bytes, counters.waiting), (2 * case.bytes.len() as u64, 0));
    }
}

fn runtime(paused: bool) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn bytes_arrive_as_they_were_sent(case in case(3000)) {
        runtime(true).block_on(async {
            let (a, b) = tokio::io::duplex(case.pipe_bytes);
            there_and_back(a, b, &case).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn bytes_arrive_over_sockets(mut case in case(1 << 20)) {
        case.rates = case.rates.iter().map(|rate| rate.saturating_mul(1000)).collect();
        case.writes.push((1 << 20, true));
        case.reads.push(64 << 10);
        runtime(false).block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            there_and_back(client, server, &case).await;
        });
    }
}

#[tokio::test]
async fn a_peer_that_hangs_up_ends_the_wait_for_it() {
    let node = Limiter::new();
    node.set_child_limits(Direction::Write, Rate::kib_per_second(10_000).into());
    let listener = ThrottledListener::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), node.clone());
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let sending = tokio::spawn(async move { stream.write_all(&vec![7; 64 << 20]).await });
    client.read_exact(&mut [0; 1000]).await.unwrap();
    // With bytes unread, which resets the connection.
    drop(client);
    sending.await.unwrap().unwrap_err();
    assert_eq!(node.counters(Direction::Write).waiting, 0);
    assert_eq!(node.children().count(), 0);
}

#[test]
fn blocking_streams_have_the_same_bytes() {
    let node = Limiter::new();
    for direction in Direction::BOTH {
        node.set_limits(direction, Rate::bytes_per_second(100_000).into());
    }
    let bytes: Vec<u8> = (0..20_000_u32).map(|at| ((at * at) >> 7) as u8).collect();
    let (mut read, mut written) = (Vec::new(), Vec::new());
    std::thread::scope(|threads| {
        threads.spawn(|| Blocking::new(bytes.as_slice(), &node).read_to_end(&mut read).unwrap());
        threads.spawn(|| {
            let mut writer = Blocking::new(&mut written, &node.child());
            let sent = writer
                .write_vectored(&[IoSlice::new(&[]), IoSlice::new(&bytes)])
                .unwrap();
            writer.write_all(&bytes[sent..]).unwrap();
        });
    });
    assert!(read == bytes && written == bytes);
    for direction in Direction::BOTH {
        let counters = node.counters(direction);
        assert_eq!((counters.bytes, counters.waiting), (20_000, 0));
        assert!(counters.waits > 0 && counters.waited > Duration::ZERO);
    }
}

#[test]
fn closing_wakes_a_blocked_thread() {
    let node = Limiter::new();
    node.set_limits(Direction::Write, Rate::bytes_per_second(1).into());
    std::thread::scope(|threads| {
        let writing = threads.spawn(|| Blocking::new(std::io::sink(), &node).write_all(&[0; 100]));
        while node.counters(Direction::Write).waiting == 0 {
            std::thread::yield_now();
        }
        node.close();
        assert_eq!(
            writing.join().unwrap().unwrap_err().kind(),
            std::io::ErrorKind::ConnectionAborted
        );
    });
}
