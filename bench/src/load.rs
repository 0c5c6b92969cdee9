//! The open-loop generator: requests are sent at a constant rate whatever the server does, and a request's latency counts
//! from the moment at which it was to be sent. A closed loop sends less while the server stalls, and so hides the stall.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::client::{Endpoint, Keep};

/// What is sent, how fast and how long. It ends by whichever bound comes first.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Requests a second in all; each connection sends as fast as it is answered if there is none (a closed loop).
    pub rate: Option<u64>,
    /// Connections, each a thread of its own; kept alive.
    pub connections: u64,
    /// No request is begun after this.
    pub duration: Duration,
    /// No more requests are sent than this.
    pub requests_max: u64,
    /// How the body of an answer is read.
    pub keep: Keep,
}

/// What became of the requests.
#[derive(Debug, Clone)]
pub struct Measured {
    /// In microseconds, from the intended moment to the end of the answer; successes only.
    pub latency: Histogram<u64>,
    /// Answered with 2xx.
    pub succeeded: u64,
    /// Answered with anything else.
    pub refused: u64,
    /// Bytes of the answers' bodies.
    pub body_bytes: u64,
    /// From the first intended moment to the last answer.
    pub took: Duration,
}

/// The same in numbers.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Summary {
    pub succeeded: u64,
    pub refused: u64,
    pub seconds: f64,
    pub per_second: f64,
    pub body_bytes: u64,
    pub p50_us: u64,
    pub p90_us: u64,
    pub p99_us: u64,
    pub p999_us: u64,
    pub max_us: u64,
}

/// What is kept of a latency: three digits, up to a minute.
const LATENCY_US_MAX: u64 = 60_000_000;

impl Measured {
    fn new() -> Result<Self> {
        Ok(Measured {
            latency: Histogram::new_with_max(LATENCY_US_MAX, 3)?,
            succeeded: 0,
            refused: 0,
            body_bytes: 0,
            took: Duration::ZERO,
        })
    }

    /// A quantile of the latency.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.latency.value_at_quantile(quantile))
    }

    /// The longest latency.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.latency.max())
    }

    /// Successes a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.succeeded as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// The usual numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let at = |quantile| self.latency.value_at_quantile(quantile);
        Summary {
            succeeded: self.succeeded,
            refused: self.refused,
            seconds: self.took.as_secs_f64(),
            per_second: self.per_second(),
            body_bytes: self.body_bytes,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.latency.max(),
        }
    }
}

impl Plan {
    /// `rate` requests a second for so long, over 64 connections.
    #[must_use]
    pub fn open(rate: u64, duration: Duration) -> Self {
        Plan {
            rate: Some(rate),
            connections: 64,
            duration,
            requests_max: u64::MAX,
            keep: Keep::Nothing,
        }
    }

    /// So many requests, one after the other on each connection.
    #[must_use]
    pub fn closed(connections: u64, requests_max: u64) -> Self {
        Plan {
            rate: None,
            connections,
            duration: Duration::from_secs(600),
            requests_max,
            keep: Keep::Nothing,
        }
    }

    /// Sends what `request` gives for each number, counted from zero.
    ///
    /// # Errors
    /// A connection cannot be made or breaks.
    pub fn run<R: AsRef<[u8]>>(&self, endpoint: &Endpoint, request: impl Fn(u64) -> R + Sync) -> Result<Measured> {
        ensure!(
            self.connections > 0 && self.rate != Some(0),
            "a load needs a connection and a rate"
        );
        let connections: Vec<_> = (0..self.connections)
            .map(|_| endpoint.connect())
            .collect::<Result<_>>()?;
        let next = AtomicU64::new(0);
        let all = Mutex::new(Measured::new()?);
        let begin = Instant::now() + Duration::from_millis(20);
        std::thread::scope(|scope| {
            let threads: Vec<_> = connections
                .into_iter()
                .map(|mut connection| {
                    let (next, all, request) = (&next, &all, &request);
                    scope.spawn(move || -> Result<()> {
                        let mut mine = Measured::new()?;
                        while let Some((number, due)) = self.next(next, begin) {
                            let bytes = request(number);
                            std::thread::sleep(due.saturating_duration_since(Instant::now()));
                            // Without a rate, a request is due when the connection is free.
                            let due = if self.rate.is_some() { due } else { Instant::now() };
                            let answer = connection.exchange(bytes.as_ref(), self.keep)?;
                            mine.note(&answer, due);
                        }
                        mine.took = begin.elapsed();
                        all.lock().unwrap_or_else(PoisonError::into_inner).merge(&mine)
                    })
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next request's number and the moment at which it is to be sent. Whichever connection is free takes it.
    fn next(&self, next: &AtomicU64, begin: Instant) -> Option<(u64, Instant)> {
        let number = next.fetch_add(1, Relaxed);
        let after = match self.rate {
            Some(rate) => Duration::from_secs_f64(number as f64 / rate as f64),
            None => begin.elapsed(),
        };
        (number < self.requests_max && after < self.duration).then_some((number, begin + after))
    }
}

impl Measured {
    fn note(&mut self, answer: &crate::client::Answer, due: Instant) {
        self.body_bytes += answer.length;
        if answer.is_success() {
            self.succeeded += 1;
            let took = u64::try_from(due.elapsed().as_micros()).unwrap_or(LATENCY_US_MAX);
            self.latency.saturating_record(took);
        } else {
            self.refused += 1;
        }
    }

    fn merge(&mut self, other: &Measured) -> Result<()> {
        self.latency.add(&other.latency)?;
        self.succeeded += other.succeeded;
        self.refused += other.refused;
        self.body_bytes += other.body_bytes;
        self.took = self.took.max(other.took);
        Ok(())
    }
}
