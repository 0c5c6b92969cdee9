//! METRIC_NEXUS_KEY=… METRIC_NEXUS_CA=state/tls/ca.pem cargo run -p nexus-examples --example fleet -- 20
//!
//! A fleet of workers, each a process that lives for two seconds: it does jobs, counts them where it stands, and before it
//! ends it hands over what is not with the hub yet. However many there are, and whatever network and hub do meanwhile, the
//! hub's sum is that of all of them. Kill the hub while the fleet is out, start it again, and see.
//!
//! | | |
//! |---|---|
//! | the argument | how many workers; 20 |
//! | `FLEET_WORKER_SECONDS` | how long each lives; 2 |
//! | `FLEET_PATIENCE_SECONDS` | how long a worker tries to hand over; 60 |
//! | `METRIC_NEXUS_URL` | the hub; `https://127.0.0.1:3000` |
//! | `METRIC_NEXUS_KEY` | the API key |
//! | `METRIC_NEXUS_CA` | the hub's `ca.pem` … |
//! | `METRIC_NEXUS_FINGERPRINT` | … or the fingerprints it may have, separated by commas |
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{
    env,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};
use nexus_client::{Builder, Counts, Kind};
use tokio::time::{Instant, sleep};

const JOB: Duration = Duration::from_millis(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match env::args().nth(1).as_deref() {
        Some("worker") => worker().await,
        Some(workers) => fleet(workers.parse().context("how many workers?")?).await,
        None => fleet(20).await,
    }
}

/// Does jobs for a while, and says how many, once the hub has them all.
async fn worker() -> anyhow::Result<()> {
    let (life, patience) = (
        seconds("FLEET_WORKER_SECONDS", 2)?,
        seconds("FLEET_PATIENCE_SECONDS", 60)?,
    );
    let hub = Builder::from_env().deadline(patience);
    let client = hub.clone().build()?;
    let counts = Counts::builder(hub).interval(Duration::from_millis(250)).start()?;
    let jobs = counts.counter("fleet_jobs_total", []);

    let (started, mut done) = (Instant::now(), 0_u64);
    while started.elapsed() < life {
        sleep(JOB).await;
        // In memory; a thread in the background sends it.
        jobs.inc();
        done += 1;
    }
    counts.close(patience).await.context("not all jobs are counted")?;

    // One request, which is sent again until it is answered, and counts once.
    let workers = client
        .metric("fleet_workers_total")
        .kind(Kind::Counter)
        .help("Workers that came to their end");
    workers.increment().await?;
    println!("{done}");
    Ok(())
}

async fn fleet(size: usize) -> anyhow::Result<()> {
    let client = Builder::from_env().build()?;
    let jobs = client
        .metric("fleet_jobs_total")
        .kind(Kind::Counter)
        .help("Jobs done by workers of fleets");
    jobs.create().await?;
    let before = jobs.read().await?;
    let workers = (0..size).map(|_| start()).collect::<anyhow::Result<Vec<_>>>()?;
    println!("{} workers are out", workers.len());

    let mut done = 0;
    for worker in workers {
        let said = worker.wait_with_output()?;
        ensure!(said.status.success(), "a worker ended with {}", said.status);
        let said: u64 = String::from_utf8(said.stdout)?.trim().parse()?;
        done += said;
    }
    let counted = jobs.read().await? - before;
    println!("they did {done} jobs; the hub counted {counted}");
    Ok(())
}

fn start() -> anyhow::Result<Child> {
    let program = env::current_exe()?;
    Ok(Command::new(program).arg("worker").stdout(Stdio::piped()).spawn()?)
}

fn seconds(variable: &str, default: u64) -> anyhow::Result<Duration> {
    let seconds = match env::var(variable) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{variable} must be a number of seconds"))?,
        Err(_) => default,
    };
    Ok(Duration::from_secs(seconds))
}
