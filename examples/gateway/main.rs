//! cargo run --release -p nexus-examples --example gateway -- --listen 127.0.0.1:8080 --upstream http://127.0.0.1:9000
//!     --keys examples/gateway/keys.example.yaml --state DIR
//!
//! A reverse proxy in front of any HTTP service: who may ask, how much in a month, how fast, and who asked for what, ready to bill.
//! Try it with `curl -H 'X-API-Key: Hello' http://127.0.0.1:8080/`, end it with Ctrl-C, and look at what was logged, also while it
//! runs, with
//!
//! cargo run --release -p nexus-examples --example gateway -- report --state DIR --window 1s --group-by key,status
//!
//! | crate | what it does here |
//! |---|---|
//! | `nexus-usage` | admits requests by the month's limits (`account`), and counts what they used (`paid`) |
//! | `nexus-throttle` | paces bodies: the gateway, below it its keys, below them their connections (`paid`) |
//! | `nexus-usage-log` | a layer around the proxy writes a record for each request (`serve`), reports read them (`report`) |
//!
//! Both bodies are streamed, a frame at a time. A request that is admitted counts, also if the upstream fails. Limits, bandwidth
//! and usage are of bodies, `bytes_in` and `bytes_out` of the log with heads; framing is in neither.
//!
//! | status | when |
//! |---|---|
//! | 400 | the request has no path: `CONNECT`, `OPTIONS *` |
//! | 401 | there is no key, or one that is not known |
//! | 429 | there were too many requests just now, or a monthly limit is used up; `Retry-After` says when to come again |
//! | 502, 504 | the upstream failed, or was too slow |
//!
//! An answer that turns out to be too long once it has begun, or that stalls, is cut: the connection ends. `Upgrade` is not passed on, so there are no
//! WebSockets through it. Clients speak HTTP/1.1 without TLS: put a terminator before it, or a handshake into `serve`. The upstream is
//! spoken to in HTTP/1.1 too. `X-Forwarded-For` is continued: an upstream may believe its last entry.
//!
//! On a terminal it says each second what moved and how many wait for bandwidth; at its end it prints a line of JSON for each key.
//! It uses one state directory: `usage.db` (each key's month), `usage-log.db` and `usage-spool` (the log). One gateway at a time.

mod account;
mod activity;
mod args;
mod connection;
mod gateway;
mod headers;
mod keys;
mod paid;
mod problem;
mod progress;
mod proxy;
mod report;
mod serve;
mod signals;

use std::io::IsTerminal;

use clap::{CommandFactory, Parser, error::ErrorKind};

use args::{Arguments, Command};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal)
        .init();
    match Arguments::parse() {
        Arguments {
            command: Some(Command::Report(asked)),
            ..
        } => report::print(asked),
        Arguments {
            serve: Some(settings), ..
        } => gateway::run(settings).await,
        Arguments { .. } => {
            let what = "say where to listen and what is behind, or `report`";
            Arguments::command()
                .error(ErrorKind::MissingRequiredArgument, what)
                .exit()
        }
    }
}
