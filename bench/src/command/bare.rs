//! The reference: an axum service that counts and keeps nothing. Says its address, and serves until it is killed.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use tokio::net::TcpListener;

use crate::bare;

/// The reference: an axum service that counts and keeps nothing.
#[derive(Debug, Args)]
pub struct Arguments {
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

/// Says the address, and serves until the process is killed.
///
/// # Errors
/// The address is taken, or the certificate cannot be written.
#[expect(clippy::print_stdout, reason = "it says where it listens")]
#[tokio::main]
pub async fn run(arguments: &Arguments) -> Result<()> {
    let tls = arguments.ca.as_deref().map(bare::tls).transpose()?;
    let router = bare::router(arguments.series);
    let listener = TcpListener::bind(&arguments.listen).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    println!("bare listens on {scheme}://{}", listener.local_addr()?);
    bare::serve(listener, router, tls).await
}
