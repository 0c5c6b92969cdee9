//! Streams without end, and their bytes counted per instant.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use nexus_throttle::{Limiter, Throttled};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    task::JoinSet,
    time::{Instant, timeout},
};

/// Takes everything, and notes when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<(Instant, u64)>>>);

impl AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        self.0.lock().unwrap().push((Instant::now(), buf.len() as u64));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Sink {
    /// Bytes taken in `[from, to)`, reckoned from `began`.
    pub(crate) fn between(&self, began: Instant, from: Duration, to: Duration) -> u64 {
        let taken = self.0.lock().unwrap();
        taken
            .iter()
            .filter(|(at, _)| (from..to).contains(&(*at - began)))
            .map(|(_, bytes)| bytes)
            .sum()
    }
}

/// Writers that always have more, each in pieces of its size.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    tasks: JoinSet<()>,
    pub(crate) sinks: Vec<Sink>,
}

impl Crowd {
    pub(crate) fn add(&mut self, node: &Limiter, piece_bytes: usize) -> Sink {
        let sink = Sink::default();
        let mut stream = Throttled::new(sink.clone(), node);
        self.sinks.push(sink.clone());
        self.tasks.spawn(async move {
            let piece = vec![0; piece_bytes];
            while stream.write_all(&piece).await.is_ok() {
                tokio::task::consume_budget().await;
            }
        });
        sink
    }

    /// Lets them write for so long.
    pub(crate) async fn run(&mut self, time: Duration) {
        // A sleeping task and a stop in one: no writer ever ends by itself.
        assert!(timeout(time, self.tasks.join_next()).await.is_err(), "a writer ended");
    }

    pub(crate) fn between(&self, began: Instant, from: Duration, to: Duration) -> Vec<u64> {
        self.sinks.iter().map(|sink| sink.between(began, from, to)).collect()
    }
}

/// Jain's index: 1 if all are equal, 1/n if one has it all.
pub(crate) fn jain(shares: &[u64]) -> f64 {
    let shares: Vec<f64> = shares.iter().map(|share| *share as f64).collect();
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    sum * sum / (shares.len() as f64 * squares)
}

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[track_caller]
pub(crate) fn assert_near(measured: u64, expected: f64, tolerance: f64) {
    let error = measured as f64 / expected - 1.0;
    assert!(
        error.abs() <= tolerance,
        "{measured} instead of {expected}: {:+.3} %",
        error * 100.0
    );
}
