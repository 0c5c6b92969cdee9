//! METRIC_NEXUS_KEY=… METRIC_NEXUS_CA=state/tls/ca.pem cargo run --release -p nexus-examples --example plain_thread -- 1000000
//!
//! A program without async: a few threads look for prime numbers, and count what they try, which costs a few nanoseconds each.
//!
//! | | |
//! |---|---|
//! | the argument | up to which number; 1000000 |
//! | `METRIC_NEXUS_URL` | the hub; `https://127.0.0.1:3000` |
//! | `METRIC_NEXUS_KEY` | the API key |
//! | `METRIC_NEXUS_CA` | the hub's `ca.pem` … |
//! | `METRIC_NEXUS_FINGERPRINT` | … or the fingerprints it may have, separated by commas |
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{env, thread, time::Duration};

use anyhow::Context;
use nexus_client::{Builder, Counts};

const THREADS: u64 = 4;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> anyhow::Result<()> {
    let given = env::args().nth(1).unwrap_or_else(|| "1000000".to_owned());
    let end: u64 = given.parse().with_context(|| format!("{given} is not a number"))?;
    let counts = Counts::builder(Builder::from_env()).start()?;
    counts.describe("primes_tried_total", "Numbers that were tried");
    counts.describe("primes_found_total", "Prime numbers that were found");

    thread::scope(|scope| {
        for first in 0..THREADS {
            let counts = &counts;
            scope.spawn(move || look(counts, first, end));
        }
    });
    counts.close_blocking(PATIENCE)?;
    println!("the hub has it all");
    Ok(())
}

/// Tries every fourth number.
fn look(counts: &Counts, first: u64, end: u64) {
    // Got once: the loop only counts.
    let label = [("thread", &*first.to_string())];
    let (tried, found) = (
        counts.counter("primes_tried_total", label),
        counts.counter("primes_found_total", label),
    );
    let step = usize::try_from(THREADS).unwrap_or(1);
    for number in (first..end).step_by(step) {
        tried.inc();
        if is_prime(number) {
            found.inc();
        }
    }
}

fn is_prime(number: u64) -> bool {
    let divisors = (2..).take_while(|divisor| divisor * divisor <= number);
    number >= 2 && divisors.into_iter().all(|divisor| !number.is_multiple_of(divisor))
}
