//! cargo bench -p nexus-throttle
//!
//! What a write costs beyond the inner stream's, a registered connection in memory, and 10 Gbit/s in time of the processor.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it tells what it found, and ends at a surprise"
)]

use std::{
    future::poll_fn,
    hint::black_box,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use nexus_throttle::{Direction::Write, Limiter, Rate, Throttled};
use tokio::{io::AsyncWrite, time::Instant};

const WRITES: u32 = 5_000_000;
const PIECE: [u8; 16 << 10] = [0; 16 << 10];

/// Takes everything at once.
struct Sink;

impl AsyncWrite for Sink {
    #[inline(never)]
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(black_box(buf).len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::main]
async fn main() {
    let bare = per_write(Sink).await;
    println!("bare                                {bare:7.1} ns a write of 16 KiB");

    let (_server, connection) = chain(Rate::UNLIMITED);
    let free = per_write(Throttled::new(Sink, &connection)).await;
    println!(
        "unlimited, three levels             {free:7.1} ns, {:+.1} over bare",
        free - bare
    );

    // Fast enough never to wait: 400 GB/s.
    let (_server, connection) = chain(Rate::bytes_per_second(400_000_000_000));
    let limited = per_write(Throttled::new(Sink, &connection)).await;
    println!(
        "limited, three levels, never waits  {limited:7.1} ns, {:+.1} over bare",
        limited - bare
    );

    ten_gigabits(1).await;
    ten_gigabits(100).await;
    registered();
}

/// Server, key, connection.
fn chain(rate: Rate) -> (Limiter, Limiter) {
    let server = Limiter::new();
    server.set_limits(Write, rate.into());
    let connection = server.child().child();
    (server, connection)
}

async fn per_write(mut stream: impl AsyncWrite + Unpin) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let began = Instant::now();
        for _ in 0..WRITES / 5 {
            poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, black_box(&PIECE)))
                .await
                .unwrap();
        }
        best = best.min(began.elapsed().as_secs_f64() * 1e9 / f64::from(WRITES / 5));
    }
    best
}

async fn ten_gigabits(connections: usize) {
    let server = Limiter::new();
    server.set_limits(Write, Rate::bytes_per_second(1_250_000_000).into());
    let mut tasks = tokio::task::JoinSet::new();
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let time = Duration::from_secs(3);
    for _ in 0..connections {
        let mut stream = Throttled::new(Sink, &server.child());
        tasks.spawn(async move {
            loop {
                poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, &PIECE))
                    .await
                    .unwrap();
                tokio::task::consume_budget().await;
            }
        });
    }
    tokio::time::sleep(time).await;
    let elapsed = began.elapsed().as_secs_f64();
    let cpu = (cpu_seconds() - cpu) / elapsed * 100.0;
    let rate = server.counters(Write).bytes as f64 / elapsed / 1.25e9 * 100.0;
    println!("10 Gbit/s in {connections} connections: {cpu:.1} % of one processor, {rate:.2} % of the limit");
    tasks.shutdown().await;
}

fn registered() {
    const NODES: usize = 100_000;
    let server = Limiter::new();
    server.set_child_limits(Write, Rate::kib_per_second(256).into());
    let mut nodes = Vec::with_capacity(NODES);
    let before = resident_bytes();
    for _ in 0..NODES {
        nodes.push(server.child());
    }
    let bytes = resident_bytes() - before;
    // The handles themselves are in memory that was there before.
    println!(
        "{NODES} registered connections: {:.0} bytes each, and 8 for the handle",
        bytes as f64 / NODES as f64
    );
    drop(nodes);
}

/// Of the whole process, user and system.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = stat.rsplit(')').next().unwrap();
    let ticks: f64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum();
    ticks / 100.0
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
