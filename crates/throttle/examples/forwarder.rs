//! cargo run -p nexus-throttle --example forwarder -- --listen 127.0.0.1:8080 --upstream 127.0.0.1:80 --server 25MiB
//!
//! A limit in front of any TCP service: what clients send and what they are sent, for all of them together and for each
//! connection, changed by typing while they are connected. What runs is shown every second.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

#[path = "support/console.rs"]
mod console;

use std::{io, sync::Arc};

use clap::Parser;
use nexus_throttle::{Limiter, Rate, Throttled};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:7071")]
    listen: String,
    /// Where to go on to.
    #[arg(long)]
    upstream: String,
    /// For all connections together, each way.
    #[arg(long, default_value = "0")]
    server: Rate,
    /// For each connection, each way.
    #[arg(long, default_value = "0")]
    connection: Rate,
    /// How many at once.
    #[arg(long, default_value_t = 1000)]
    connections_max: usize,
    /// Show nothing of what runs.
    #[arg(long)]
    quiet: bool,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let server = Limiter::new();
    console::limit_server(&server, arguments.server);
    console::limit_connections(&server, arguments.connection);

    let listener = TcpListener::bind(&arguments.listen).await?;
    println!("{} to {}", listener.local_addr()?, arguments.upstream);
    println!("{}", console::HELP);
    tokio::spawn(console::obey(server.clone()));
    if !arguments.quiet {
        tokio::spawn(console::show_progress(server.clone()));
    }

    let upstream: Arc<str> = arguments.upstream.into();
    let places = Arc::new(Semaphore::new(arguments.connections_max));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        let stream = Throttled::new(stream, &server.named_child(peer.to_string()));
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move {
            if let Err(error) = forward(stream, &upstream).await {
                println!("{peer}: {error}");
            }
            drop(place);
        });
    }
}

/// Each way until its end, so that a half-closed connection is half closed on the other side too.
async fn forward(mut client: Throttled<TcpStream>, upstream: &str) -> io::Result<()> {
    client.get_ref().set_nodelay(true)?;
    let mut upstream = TcpStream::connect(upstream).await?;
    upstream.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut upstream).await?;
    Ok(())
}
