//! cargo run -p nexus-throttle --example log-download -- 127.0.0.1:7070 syslog /tmp/syslog
//!
//! Gets a file from `log-server`, and shows how far it is. `--limit` makes it slower than the server does.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{io, path::PathBuf, time::Duration};

use clap::Parser;
use nexus_throttle::{Direction, Limiter, Rate, Throttled};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{Instant, interval},
};

const HEAD_BYTES_MAX: u64 = 4096;

#[derive(Parser)]
struct Arguments {
    /// The server.
    server: String,
    /// The file's name there.
    name: String,
    /// Where to put it.
    to: PathBuf,
    /// No faster than this.
    #[arg(long, default_value = "0")]
    limit: Rate,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let own = Limiter::new();
    own.set_limits(Direction::Read, arguments.limit.into());
    let mut stream = BufReader::new(Throttled::new(TcpStream::connect(&arguments.server).await?, &own));
    stream.write_all(format!("{}\n", arguments.name).as_bytes()).await?;

    let mut head = String::new();
    (&mut stream).take(HEAD_BYTES_MAX).read_line(&mut head).await?;
    let length: u64 = head
        .trim_end()
        .parse()
        .map_err(|_| io::Error::other(format!("the server says: {head:?}")))?;

    let began = Instant::now();
    let mut file = File::create(&arguments.to).await?;
    let received = tokio::select! {
        received = receive(stream, &mut file) => received?,
        () = show_progress(&own, length) => 0,
    };
    println!("{received} of {length} bytes in {:.3} s", began.elapsed().as_secs_f64());
    if received == length {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file was cut short"))
    }
}

async fn receive(mut stream: BufReader<Throttled<TcpStream>>, file: &mut File) -> io::Result<u64> {
    let received = tokio::io::copy_buf(&mut stream, file).await?;
    file.flush().await?;
    Ok(received)
}

/// What its own node counted.
async fn show_progress(own: &Limiter, length: u64) {
    let mut ticks = interval(Duration::from_secs(1));
    let mut before = 0;
    loop {
        ticks.tick().await;
        let bytes = own.counters(Direction::Read).bytes;
        let percent = bytes.saturating_mul(100) / length.max(1);
        println!(
            "{:>3} %  {bytes} of {length} bytes, {} KiB/s",
            percent.min(100),
            (bytes - before) / 1024
        );
        before = bytes;
    }
}
