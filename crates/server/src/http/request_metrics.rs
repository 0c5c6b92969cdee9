//! What is counted of requests, by the middleware: how many, how long they took, and how many came without a key.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, core::Collector as _};

use super::refused_keys::RefusedKeys;
use crate::own_metrics::{OwnFamily, counter, of_prometheus};

/// Bounds of how long requests take, in seconds: a write waits for one sync of the disk.
const DURATION_BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// Counters of requests, shared by all of them.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    pub(super) refused_keys: RefusedKeys,
}

impl RequestMetrics {
    /// Makes them; fails only if a name or label here is not legal.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let requests = Opts::new(
            "metric_nexus_http_requests_total",
            "Requests answered, by route, method and status.",
        );
        let durations = HistogramOpts::new(
            "metric_nexus_http_request_duration_seconds",
            "Time until an answer began, by route.",
        );
        Ok(RequestMetrics {
            requests: IntCounterVec::new(requests, &["route", "method", "status"])?,
            durations: HistogramVec::new(durations.buckets(DURATION_BUCKETS.to_vec()), &["route"])?,
            refused_keys: RefusedKeys::default(),
        })
    }

    /// Counts a request. The route is a pattern of ours, never what a client sent, so there are few of them.
    pub(super) fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = match *method {
            Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE => method.as_str(),
            _ => "other",
        };
        self.requests.with_label_values(&[route, method, status.as_str()]).inc();
        self.durations.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// What was counted so far.
    pub(crate) fn families(&self) -> Vec<OwnFamily> {
        let gathered = self.durations.collect().into_iter().chain(self.requests.collect());
        let mut families: Vec<OwnFamily> = gathered.map(|family| of_prometheus(&family)).collect();
        families.push(counter(
            "metric_nexus_auth_failures_total",
            "Requests without a key that counts.",
            self.refused_keys.count(),
        ));
        families
    }
}
