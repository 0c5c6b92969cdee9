//! cargo run --release -p nexus-throttle --example acceptance -- --clients 100 --limit 25600 --limit-conn 256
//!
//! So many clients download over loopback for so long, from a server with a limit for all and one for each connection. Each
//! client's bytes are counted from its first one and compared, one by one, with what was sent.
#![expect(clippy::print_stdout, reason = "it tells what it found")]

use std::{io, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use nexus_throttle::{Direction, Limiter, Rate, ThrottledListener};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Barrier,
    task::JoinSet,
    time::{Instant, timeout_at},
};

#[derive(Parser, Clone)]
struct Arguments {
    /// How often to do it all.
    #[arg(long, default_value_t = 1)]
    count: u32,
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    #[arg(long, default_value_t = 100)]
    clients: u64,
    /// KiB/s for all together; 0: no limit.
    #[arg(long, default_value_t = 25_600)]
    limit: u64,
    /// KiB/s for each; 0: no limit.
    #[arg(long, default_value_t = 256)]
    limit_conn: u64,
    /// How far a client's total may be off, in percent.
    #[arg(long, default_value_t = 1.0)]
    tolerance: f64,
}

/// Time is counted in pieces of this.
const BIN: Duration = Duration::from_millis(10);
const BINS_PER_SECOND: usize = 100;
/// Windows of one second begin after this.
const SETTLING_BINS: usize = 25;
/// A period that is no multiple of any buffer's size, so that a byte in a wrong place is seen.
const PATTERN_BYTES: usize = 65_537;
const BUFFER_BYTES: usize = 64 << 10;

#[tokio::main]
async fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut within = true;
    for _ in 0..arguments.count {
        within &= run(&arguments).await?;
    }
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(arguments: &Arguments) -> io::Result<bool> {
    let server = Limiter::new();
    server.set_limits(Direction::Write, Rate::kib_per_second(arguments.limit).into());
    server.set_child_limits(Direction::Write, Rate::kib_per_second(arguments.limit_conn).into());
    let listener = ThrottledListener::new(TcpListener::bind("127.0.0.1:0").await?, server.clone());
    let address = listener.local_addr()?;
    let pattern: Arc<[u8]> = (0..PATTERN_BYTES * 2)
        .map(|at| pattern_byte(at % PATTERN_BYTES))
        .collect();

    let mut serving = JoinSet::new();
    serving.spawn(accept(listener, arguments.clients, Arc::clone(&pattern)));
    let course = Course {
        pattern,
        began: Instant::now(),
        time: Duration::from_secs(arguments.seconds),
        all_done: Arc::new(Barrier::new(usize::try_from(arguments.clients).unwrap_or(usize::MAX))),
    };
    let mut clients = JoinSet::new();
    for _ in 0..arguments.clients {
        clients.spawn(download(TcpStream::connect(address).await?, course.clone()));
    }
    let mut downloads = Vec::new();
    while let Some(done) = clients.join_next().await {
        downloads.push(done.map_err(io::Error::other)??);
    }
    serving.shutdown().await;
    Ok(report(arguments, &downloads))
}

fn pattern_byte(at: usize) -> u8 {
    at.wrapping_mul(0x9E37_79B9)
        .wrapping_shr(11)
        .to_le_bytes()
        .first()
        .copied()
        .unwrap_or(0)
}

/// Begins when all are there: a client that is alone for a while rightly gets what there is.
async fn accept(listener: ThrottledListener, clients: u64, pattern: Arc<[u8]>) -> io::Result<()> {
    let mut accepted = Vec::new();
    for _ in 0..clients {
        accepted.push(listener.accept().await?.0);
    }
    let mut connections = JoinSet::new();
    for mut stream in accepted {
        let pattern = Arc::clone(&pattern);
        connections.spawn(async move {
            let mut at = 0;
            // It ends when the client hangs up.
            while let Ok(bytes) = stream
                .write(pattern.get(at..at + BUFFER_BYTES).unwrap_or_default())
                .await
            {
                at = (at + bytes) % PATTERN_BYTES;
            }
        });
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// What one client got, by the time since its first byte.
struct Download {
    bytes: u64,
    bins: Vec<u64>,
    /// When its first byte came, from the beginning of the run.
    first: Duration,
}

/// What all clients know.
#[derive(Clone)]
struct Course {
    pattern: Arc<[u8]>,
    began: Instant,
    time: Duration,
    all_done: Arc<Barrier>,
}

/// Counts for as long as it is told to, from the first byte on, and then goes on reading until all others are done as well: who
/// came last would otherwise be alone at the end, and rightly get what there is.
async fn download(mut stream: TcpStream, course: Course) -> io::Result<Download> {
    let got = count(&mut stream, &course).await?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let others = course.all_done.wait();
    tokio::pin!(others);
    loop {
        tokio::select! {
            _ = &mut others => return Ok(got),
            read = stream.read(&mut buffer) => {
                read?;
            }
        }
    }
}

async fn count(stream: &mut TcpStream, course: &Course) -> io::Result<Download> {
    let Course {
        pattern, began, time, ..
    } = course;
    let (began, time) = (*began, *time);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut at = 0;
    let mut first = None;
    let mut got = Download {
        bytes: 0,
        bins: Vec::new(),
        first: Duration::ZERO,
    };
    loop {
        let end = first.map_or_else(|| Instant::now() + time, |first: Instant| first + time);
        let Ok(read) = timeout_at(end, stream.read(&mut buffer)).await else {
            return Ok(got);
        };
        let count = read?;
        let since = *first.get_or_insert_with(Instant::now);
        if pattern.get(at..at + count) != buffer.get(..count) || count == 0 {
            return Err(io::Error::other(format!(
                "other bytes than were sent, in the {count} after {}",
                got.bytes
            )));
        }
        at = (at + count) % PATTERN_BYTES;
        let elapsed = since.elapsed();
        if elapsed >= time {
            return Ok(got);
        }
        got.first = since - began;
        let bin = usize::try_from(elapsed.as_nanos() / BIN.as_nanos()).unwrap_or(0);
        got.bins.resize(got.bins.len().max(bin + 1), 0);
        if let Some(bin) = got.bins.get_mut(bin) {
            *bin += count as u64;
        }
        got.bytes += count as u64;
    }
}

fn report(arguments: &Arguments, downloads: &[Download]) -> bool {
    let (seconds, clients) = (arguments.seconds as f64, arguments.clients as f64);
    let shares = [(arguments.limit, clients), (arguments.limit_conn, 1.0)];
    let share = shares
        .iter()
        .filter(|(kib, _)| *kib > 0)
        .map(|(kib, among)| *kib as f64 * 1024.0 / among);
    let share = share.fold(f64::INFINITY, f64::min);
    let errors: Vec<f64> = downloads
        .iter()
        .map(|got| got.bytes as f64 / (share * seconds) * 100.0 - 100.0)
        .collect();
    let (low, high) = bounds(errors.iter().copied());
    let mean = errors.iter().sum::<f64>() / clients;

    let mut all = Vec::new();
    for got in downloads {
        let offset = usize::try_from(got.first.as_nanos() / BIN.as_nanos()).unwrap_or(0);
        all.resize(all.len().max(offset + got.bins.len()), 0);
        for (sum, bytes) in all.iter_mut().skip(offset).zip(&got.bins) {
            *sum += bytes;
        }
    }
    all.truncate(BINS_PER_SECOND * usize::try_from(arguments.seconds).unwrap_or(0));
    let (all_low, all_high) = windows(&all, share * clients);
    let (one_low, one_high) = bounds(downloads.iter().flat_map(|got| {
        let (low, high) = windows(&got.bins, share);
        [low, high]
    }));
    println!(
        "{} clients, {} s, limit {} KiB/s, per connection {} KiB/s:",
        arguments.clients, arguments.seconds, arguments.limit, arguments.limit_conn
    );
    println!("  per client         {low:+.3} % .. {high:+.3} %, mean {mean:+.3} %");
    println!("  Jain's index       {:.6}", jain(downloads));
    println!("  worst second, all  {all_low:+.2} % .. {all_high:+.2} %");
    println!("  worst second, one  {one_low:+.2} % .. {one_high:+.2} %");
    println!("  bytes              all as they were sent");
    let within = low >= -arguments.tolerance && high <= arguments.tolerance;
    if !within {
        println!("  a client is off by more than {} %", arguments.tolerance);
    }
    within
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// The least and the most of all one-second windows, in percent off.
fn windows(bins: &[u64], bytes_per_second: f64) -> (f64, f64) {
    let settled = bins.get(SETTLING_BINS..).unwrap_or_default();
    bounds(settled.windows(BINS_PER_SECOND).map(|second| {
        let bytes: u64 = second.iter().sum();
        bytes as f64 / bytes_per_second * 100.0 - 100.0
    }))
}

/// 1 if all got the same, 1/n if one got everything.
fn jain(downloads: &[Download]) -> f64 {
    let sum: f64 = downloads.iter().map(|got| got.bytes as f64).sum();
    let squares: f64 = downloads.iter().map(|got| (got.bytes as f64).powi(2)).sum();
    sum * sum / (downloads.len() as f64 * squares)
}
