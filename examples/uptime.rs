//! cargo run -p nexus-examples --example uptime -- --every 5 --times 3
//!
//! A hub and its client in one program: the hub is opened as a library and served on a free port; the client creates the
//! metric `uptime` and keeps it up to date, over TLS like any other.
//!
//! | | |
//! |---|---|
//! | `--every SECONDS` | how often to update; 5 |
//! | `--times COUNT` | how often before it ends; until Ctrl-C |
//! | `--state DIR` | where the hub keeps its state; a directory that is removed at the end |
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use nexus_client::Client;
use nexus_server::Hub;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    time::{self, Instant},
};

const KEY: &str = "Hello World";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    match &arguments.state {
        Some(directory) => run(directory, &arguments).await,
        None => {
            let directory = std::env::temp_dir().join(format!("metric-nexus-uptime-{}", std::process::id()));
            let done = run(&directory, &arguments).await;
            let removed = std::fs::remove_dir_all(&directory);
            done?;
            removed.with_context(|| format!("cannot remove {}", directory.display()))
        }
    }
}

/// The hub, from its start to its end.
async fn run(directory: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let hub = Hub::builder().state(directory).api_key(KEY).open()?;
    let ca = hub.ca_file().context("the hub serves without TLS")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("{}://{}", hub.scheme(), listener.local_addr()?);
    println!("the hub listens on {url}; to see what Prometheus would:");
    let ca_text = ca.display();
    println!("  curl --cacert {ca_text} -H 'Authorization: Bearer {KEY}' '{url}/__metrics?prefix=uptime'");

    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn({
        let hub = hub.clone();
        async move { hub.serve(listener, async { drop(stopped.await) }).await }
    });

    let client = Client::builder(url).key(KEY).ca_file(ca).build()?;
    tokio::select! {
        () = keep_up(&client, arguments) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    println!("the hub's last value: uptime {}", hub.read("uptime")?);

    drop(stop);
    serving.await?;
    hub.close().await?;
    println!("the hub has ended");
    Ok(())
}

/// The client: what the original's example does.
async fn keep_up(client: &Client, arguments: &Arguments) {
    let started = Instant::now();
    match client.create("uptime", "metric server uptime").await {
        Ok(true) => println!("created uptime"),
        Ok(false) => println!("uptime exists already"),
        Err(error) => println!("Failed to create uptime metric: {error}"),
    }
    let mut ticks = time::interval(arguments.every);
    for _ in 0..arguments.times {
        ticks.tick().await;
        let seconds = started.elapsed().as_secs_f64();
        match client.update("uptime", seconds).await {
            Ok(()) => println!("set uptime to {seconds:.3}"),
            Err(error) => println!("Failed to set uptime metric: {error}"),
        }
    }
}

struct Arguments {
    every: Duration,
    times: u64,
    state: Option<PathBuf>,
}

impl Arguments {
    fn parse(mut given: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut arguments = Arguments {
            every: Duration::from_secs(5),
            times: u64::MAX,
            state: None,
        };
        while let Some(name) = given.next() {
            let value = given.next().with_context(|| format!("{name} needs a value"))?;
            let wrong = || format!("{name} {value}");
            match &*name {
                "--every" => {
                    let seconds: f64 = value.parse().with_context(wrong)?;
                    arguments.every = Duration::try_from_secs_f64(seconds).with_context(wrong)?;
                    if arguments.every.is_zero() {
                        bail!("--every must be more than 0");
                    }
                }
                "--times" => arguments.times = value.parse().with_context(wrong)?,
                "--state" => arguments.state = Some(value.into()),
                _ => bail!("unknown argument {name}: use --every SECONDS, --times COUNT, --state DIR"),
            }
        }
        Ok(arguments)
    }
}
