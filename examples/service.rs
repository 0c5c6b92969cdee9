//! METRIC_NEXUS_KEY=… METRIC_NEXUS_CA=state/tls/ca.pem cargo run -p nexus-examples --example service -- 127.0.0.1:7007
//!
//! A service that runs for long and counts by the macros of the `metrics` facade, as libraries do that know nothing of a hub:
//! it sends back each line that it is sent. Each second a hub that runs elsewhere is told what was counted; while there is
//! none, the service does not notice. Try `nc 127.0.0.1 7007`, and end it with Ctrl-C.
//!
//! | | |
//! |---|---|
//! | the argument | where to listen; `127.0.0.1:7007` |
//! | `METRIC_NEXUS_URL` | the hub; `https://127.0.0.1:3000` |
//! | `METRIC_NEXUS_KEY` | the API key |
//! | `METRIC_NEXUS_CA` | the hub's `ca.pem` … |
//! | `METRIC_NEXUS_FINGERPRINT` | … or the fingerprints it may have, separated by commas |
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it does")]

use std::{env, io, time::Duration};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use nexus_client::{Builder, Counts};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::Instant,
};

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let counts = Counts::builder(Builder::from_env())
        .buckets_for_prefix("echo_", [0.001, 0.01, 0.1, 1.0, 10.0, 100.0])
        .on_refused(|what| eprintln!("the hub refuses {what}: {}", what.reason()))
        .start()?;
    counts.install()?;
    describe();

    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7007".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listens on {}", listener.local_addr()?);
    tokio::select! {
        ended = serve(listener) => ended?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    counts.close(PATIENCE).await?;
    Ok(())
}

fn describe() {
    describe_counter!("echo_lines_total", "Lines that were sent back");
    describe_gauge!("echo_connections", Unit::Count, "Connections of all such services");
    describe_histogram!("echo_connection_seconds", Unit::Seconds, "How long connections lasted");
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let _open = Connection::open();
            if echo(stream).await.is_err() {
                counter!("echo_errors_total").increment(1);
            }
        });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        writing.write_all(format!("{line}\n").as_bytes()).await?;
        counter!("echo_lines_total").increment(1);
    }
    Ok(())
}

/// Counted while it lives, also if the task that holds it is cancelled.
struct Connection {
    opened: Instant,
}

impl Connection {
    fn open() -> Self {
        // Added and taken away, not set: so the hub has the sum over all processes.
        gauge!("echo_connections").increment(1);
        Connection { opened: Instant::now() }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        gauge!("echo_connections").decrement(1);
        histogram!("echo_connection_seconds").record(self.opened.elapsed());
    }
}
