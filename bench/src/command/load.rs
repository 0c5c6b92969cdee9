//! The open-loop generator by itself, against any hub: increments, batches or scrapes at a constant rate, as JSON.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{
    client::{Endpoint, Keep, trust},
    load::Plan,
    series,
};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Increments of one series after the other.
    Increments,
    /// Batches that add one to each of 10 000 series.
    Batches,
    /// Whole scrapes.
    Scrapes,
}

/// A load at a constant rate, against any hub; prints what became of it as JSON.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What is sent.
    what: What,
    /// The hub's address.
    #[arg(long)]
    address: SocketAddr,
    /// The API key.
    #[arg(long)]
    key: Option<String>,
    /// What to verify the hub with; plain HTTP without.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Requests a second; without, each connection sends when it was answered.
    #[arg(long)]
    rate: Option<u64>,
    /// Connections, each kept alive and with one request at a time.
    #[arg(long, default_value_t = 64)]
    connections: u64,
    /// No request is begun later.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// No more requests are sent.
    #[arg(long, default_value_t = u64::MAX)]
    requests_max: u64,
    /// How many series are written.
    #[arg(long, default_value_t = 1000)]
    series: u64,
    /// Read answers at most so fast, in bytes a second on each connection.
    #[arg(long)]
    read_rate: Option<u64>,
    /// Ask for compressed scrapes.
    #[arg(long)]
    gzip: bool,
}

const BATCH: u64 = 10_000;

/// Sends it, and prints what became of it.
///
/// # Errors
/// The hub is not there, or goes away.
#[expect(clippy::print_stdout, reason = "it prints what it measured")]
pub fn run(arguments: Arguments) -> Result<()> {
    let endpoint = Endpoint {
        address: arguments.address,
        key: arguments.key,
        tls: arguments.ca.as_deref().map(trust).transpose()?,
    };
    let plan = Plan {
        rate: arguments.rate,
        connections: arguments.connections,
        duration: Duration::from_secs_f64(arguments.seconds),
        requests_max: arguments.requests_max,
        keep: arguments.read_rate.map_or(Keep::Nothing, Keep::NothingAt),
    };
    let series = arguments.series.max(1);
    let request = |number: u64| match arguments.what {
        What::Increments => endpoint.request("PUT", &series::increment(number % series), "", b""),
        What::Batches => {
            let first = number * BATCH % series;
            let body = series::batch(first..series.min(first + BATCH));
            endpoint.request("POST", "/api/v1/batch", "", &body)
        }
        What::Scrapes => {
            let headers = if arguments.gzip {
                "Accept-Encoding: gzip\r\n"
            } else {
                ""
            };
            endpoint.request("GET", "/__metrics", headers, b"")
        }
    };
    let measured = plan.run(&endpoint, request)?;
    println!("{}", serde_json::to_string(&measured.summary())?);
    Ok(())
}
