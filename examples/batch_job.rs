//! METRIC_NEXUS_KEY=… METRIC_NEXUS_CA=state/tls/ca.pem cargo run -p nexus-examples --example batch_job -- *.md
//!
//! A job that runs now and then: it counts the words of some files, and tells a hub that runs elsewhere how that went. It
//! counts in memory and waits for the hub once, at its end. If the hub cannot be reached then, the job has still done its
//! work: it says what is not known there, and ends with 2.
//!
//! | | |
//! |---|---|
//! | the arguments | files |
//! | `METRIC_NEXUS_URL` | the hub; `https://127.0.0.1:3000` |
//! | `METRIC_NEXUS_KEY` | the API key |
//! | `METRIC_NEXUS_CA` | the hub's `ca.pem` … |
//! | `METRIC_NEXUS_FINGERPRINT` | … or the fingerprints it may have, separated by commas |
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it does")]

use std::{
    env, fs,
    process::ExitCode,
    time::{Duration, SystemTime},
};

use nexus_client::{
    Builder, Counts,
    counts::{Counter, Histogram},
};
use tokio::time::Instant;

/// How long the job waits for the hub at its end.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let counts = Counts::builder(Builder::from_env())
        .buckets("batch_job_file_bytes", [1_000, 10_000, 100_000, 1_000_000])
        .start()?;
    let job = Job::new(&counts);
    for path in env::args_os().skip(1) {
        match fs::read_to_string(&path) {
            Ok(text) => println!("{} words in {}", job.count(&text), path.display()),
            Err(error) => {
                job.failed.inc();
                eprintln!("cannot read {}: {error}", path.display());
            }
        }
    }
    job.finish(&counts);
    match counts.close(PATIENCE).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(unsent) => {
            eprintln!("{unsent}");
            Ok(ExitCode::from(2))
        }
    }
}

/// One run, and what it counts.
struct Job {
    started: Instant,
    done: Counter,
    failed: Counter,
    words: Counter,
    bytes: Histogram,
}

impl Job {
    fn new(counts: &Counts) -> Self {
        counts.describe("batch_job_files_total", "Files that were tried");
        counts.describe("batch_job_words_total", "Words in all files of all runs");
        counts.describe_with_unit("batch_job_file_bytes", "How large files were", "bytes");
        Job {
            started: Instant::now(),
            done: counts.counter("batch_job_files_total", [("outcome", "done")]),
            // It is there, at 0, even if nothing ever fails.
            failed: counts.counter("batch_job_files_total", [("outcome", "failed")]),
            words: counts.counter("batch_job_words_total", []),
            bytes: counts.histogram("batch_job_file_bytes", []),
        }
    }

    fn count(&self, text: &str) -> usize {
        let words = text.split_whitespace().count();
        self.done.inc();
        self.words.add(words);
        self.bytes.observe(text.len());
        words
    }

    /// What Prometheus can alert on when the job does not come any more.
    fn finish(&self, counts: &Counts) {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        counts.gauge("batch_job_last_end_timestamp_seconds", []).set(now);
        counts
            .gauge("batch_job_last_duration_seconds", [])
            .set(self.started.elapsed());
    }
}
