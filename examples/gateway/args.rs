//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use http::{Uri, uri::Authority};
use nexus_throttle::Rate;
use nexus_usage_log::{Column, Filter, Format, OrderBy, Window, Zone};

/// A reverse proxy with keys, monthly limits, bandwidth and a usage log
#[derive(Debug, Parser)]
#[command(
    name = "gateway",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Option<Serve>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints what the usage log has, also while a gateway writes it
    Report(Report),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The service behind, as http://HOST:PORT
    #[arg(long, value_name = "URL", value_parser = upstream)]
    pub(crate) upstream: Authority,
    /// Who may ask: see keys.example.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: PathBuf,
    /// Where usage and log are kept; made if it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Bytes a second of all keys together, each way: 25MB, 256KiB, unlimited
    #[arg(long, value_name = "RATE", default_value = "unlimited")]
    pub(crate) bandwidth: Rate,
    /// How far bodies that are under way may go beyond a monthly limit, all of a key together
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub(crate) overrun_bytes: u64,
    /// How many connections there may be; further ones wait to be accepted
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    pub(crate) connections_max: usize,
    /// How long the upstream may take to accept a connection
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) connect_timeout_seconds: Duration,
    /// How long nothing may happen: before an answer begins, between two pieces of a body, or before the next request
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) idle_timeout_seconds: Duration,
    /// How long requests that are under way may still take when the gateway is told to end
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) drain_timeout_seconds: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The state directory of the gateway
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// How long the windows are: 1s, 1m, 1h, 1d or 1mo
    #[arg(long, default_value = "1s")]
    pub(crate) window: Window,
    /// What to group by: key, tenant, method, status, outcome
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', default_value = "key,status")]
    pub(crate) group_by: Vec<Column>,
    /// What to count, as status=200 or key!=acme; may be repeated
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) filters: Vec<Filter>,
    /// What comes first, as -bytes_out; may be repeated
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub(crate) order: Vec<OrderBy>,
    /// Whose days and months
    #[arg(long, default_value = "UTC")]
    pub(crate) zone: Zone,
    /// At most so many rows
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<usize>,
    /// table, csv or json
    #[arg(long, default_value = "table")]
    pub(crate) format: Format,
}

fn upstream(text: &str) -> Result<Authority, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    let is_plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
    let authority = uri.authority().filter(|_| is_plain).cloned();
    authority.ok_or_else(|| "expected http://HOST:PORT, without a path".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "expected seconds, more than 0".to_owned())
}
