//! METRIC_NEXUS_KEY=… METRIC_NEXUS_CA=state/tls/ca.pem cargo run -p nexus-examples --example worker -- mail
//!
//! A worker that lives for a moment: it takes a few jobs from a queue, counts how they went and how long they took on a
//! hub that runs elsewhere, and is gone. Run it again and again: the sums go on.
//!
//! | | |
//! |---|---|
//! | the argument | the queue's name; `mail` |
//! | `METRIC_NEXUS_URL` | the hub; `https://127.0.0.1:3000` |
//! | `METRIC_NEXUS_KEY` | the API key |
//! | `METRIC_NEXUS_CA` | the hub's `ca.pem` … |
//! | `METRIC_NEXUS_FINGERPRINT` | … or the fingerprints it may have, separated by commas |
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{
    env,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use nexus_client::{Client, Kind, Metric};
use tokio::time::{self, Instant};

const URL: &str = "https://127.0.0.1:3000";
const JOBS: u64 = 5;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let queue = env::args().nth(1).unwrap_or_else(|| "mail".to_owned());
    let client = client()?;
    let metrics = Metrics::new(&client, &queue);

    for number in 1..=JOBS {
        let started = Instant::now();
        let done = job(number).await;
        let took = started.elapsed();
        metrics.count(done, took).await.context("cannot count a job")?;
        let outcome = if done { "done" } else { "failed" };
        println!("job {number} of {JOBS} {outcome} after {} ms", took.as_millis());
    }
    metrics.finish().await.context("cannot say when the worker ended")?;

    let (done, failed) = (metrics.done.read().await?, metrics.failed.read().await?);
    println!("all workers of queue {queue} so far: {done} done, {failed} failed");
    Ok(())
}

/// What is counted: the series are made by the first worker that needs them.
struct Metrics {
    done: Metric,
    failed: Metric,
    seconds: Metric,
    last_end: Metric,
}

impl Metrics {
    fn new(client: &Client, queue: &str) -> Self {
        let metric = |name: &str| client.metric(name).label("queue", queue);
        let jobs = metric("worker_jobs_total")
            .kind(Kind::Counter)
            .help("Jobs that were tried");
        Metrics {
            done: jobs.clone().label("outcome", "done"),
            failed: jobs.label("outcome", "failed"),
            seconds: metric("worker_job_seconds")
                .buckets([0.005, 0.01, 0.025, 0.05, 0.1])
                .unit("seconds")
                .help("How long jobs took"),
            last_end: metric("worker_last_end_timestamp_seconds")
                .kind(Kind::Gauge)
                .unit("seconds")
                .help("When a worker last came to its end, in Unix time"),
        }
    }

    async fn count(&self, done: bool, took: Duration) -> Result<(), nexus_client::Error> {
        let outcome = if done { &self.done } else { &self.failed };
        outcome.increment().await?;
        self.seconds.observe(took.as_secs_f64()).await
    }

    async fn finish(&self) -> Result<(), nexus_client::Error> {
        // So that both are there to be seen, even if nothing failed yet.
        self.done.create().await?;
        self.failed.create().await?;
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        self.last_end.update(now.as_secs_f64()).await
    }
}

/// Something that takes a while, and fails at times.
async fn job(number: u64) -> bool {
    time::sleep(Duration::from_millis(7 * number)).await;
    !number.is_multiple_of(4)
}

fn client() -> anyhow::Result<Client> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let url = variable("METRIC_NEXUS_URL").unwrap_or_else(|| URL.to_owned());
    let key = variable("METRIC_NEXUS_KEY").context("METRIC_NEXUS_KEY is not set: it must hold the hub's API key")?;
    let mut builder = Client::builder(url).key(key);
    if let Some(path) = variable("METRIC_NEXUS_CA") {
        builder = builder.ca_file(path);
    }
    if let Some(fingerprints) = variable("METRIC_NEXUS_FINGERPRINT") {
        for fingerprint in fingerprints.split(',') {
            builder = builder.fingerprint(fingerprint);
        }
    }
    Ok(builder.build()?)
}
