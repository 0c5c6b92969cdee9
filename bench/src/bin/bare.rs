//! The reference: an axum service that counts and keeps nothing. Says its address, and serves until it is killed.
#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use nexus_bench::bare;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// How many series there are.
    #[arg(long, default_value_t = 1000)]
    series: u64,
    /// Serve TLS, and write the certificate to trust here.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let tls = arguments.ca.as_deref().map(bare::tls).transpose()?;
    let router = bare::router(arguments.series);
    let listener = TcpListener::bind(&arguments.listen).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    println!("bare listens on {scheme}://{}", listener.local_addr()?);
    bare::serve(listener, router, tls).await
}
