//! The hub's metrics about itself: `metric_nexus_*`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::http::{Method, StatusCode};
use nexus_metric::{Kind, Labels};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry,
    proto::{LabelPair, MetricFamily, MetricType},
};

use crate::{
    bandwidth, clients,
    clock::now_ms,
    exposition::{OwnFamily, OwnSample, OwnValue},
    http::Api,
    metering,
    serve::Counters,
    usage_log,
};

/// Bounds of how long requests take, in seconds: a write waits for one sync of the disk.
const DURATION_BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// The hub's own metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct OwnMetrics {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    auth_failures: AtomicU64,
    serving: Arc<Counters>,
    started_ms: u64,
}

impl OwnMetrics {
    /// Makes them; fails only if a name or label here is not legal.
    pub(crate) fn new(serving: Arc<Counters>) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = Opts::new(
            "metric_nexus_http_requests_total",
            "Requests answered, by route, method and status.",
        );
        let requests = IntCounterVec::new(requests, &["route", "method", "status"])?;
        let durations = HistogramOpts::new(
            "metric_nexus_http_request_duration_seconds",
            "Time until an answer began, by route.",
        );
        let durations = HistogramVec::new(durations.buckets(DURATION_BUCKETS.to_vec()), &["route"])?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        #[cfg(target_os = "linux")]
        {
            let pid = i32::try_from(std::process::id()).unwrap_or(0);
            let process = prometheus::process_collector::ProcessCollector::new(pid, "metric_nexus");
            registry.register(Box::new(process))?;
        }
        let shared = Shared {
            registry,
            requests,
            durations,
            auth_failures: AtomicU64::new(0),
            serving,
            started_ms: now_ms(),
        };
        Ok(OwnMetrics {
            shared: Arc::new(shared),
        })
    }

    pub(crate) fn started_ms(&self) -> u64 {
        self.shared.started_ms
    }

    /// Counts a request. The route is a pattern of ours, never what a client sent, so there are few of them.
    pub(crate) fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = match *method {
            Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE => method.as_str(),
            _ => "other",
        };
        self.shared
            .requests
            .with_label_values(&[route, method, status.as_str()])
            .inc();
        self.shared
            .durations
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }

    pub(crate) fn auth_failed(&self) {
        self.shared.auth_failures.fetch_add(1, Relaxed);
    }

    /// All of them at this moment.
    pub(crate) fn gather(&self, api: &Api) -> Vec<OwnFamily> {
        let mut families: Vec<OwnFamily> = self.shared.registry.gather().iter().map(own_family).collect();
        families.extend(self.of_store(api));
        families.extend(self.of_serving());
        families.extend(bandwidth::families(&api.bandwidth));
        families.extend(metering::families(&api.metering));
        families.extend(usage_log::families(&api.usage_log));
        families.push(counter(
            "metric_nexus_unfinished_requests_total",
            "Requests that were charged and logged although nobody told their end: each is a defect of the hub.",
            api.accounts.unfinished(),
        ));
        families.extend(api.reloader.certificate_expires().map(certificate));
        families
    }

    fn of_store(&self, api: &Api) -> Vec<OwnFamily> {
        let (status, catalog) = (api.store.status(), api.store.catalog());
        let seconds = |ms: u64| whole(ms) / 1000.0;
        vec![
            gauge(
                "metric_nexus_build_info",
                "The hub's version; always 1.",
                &[("version", env!("CARGO_PKG_VERSION"))],
                1.0,
            ),
            gauge(
                clients::METRIC,
                "The total number of clients that used MetricNexus within the last hour.",
                &[],
                whole(api.clients.active(now_ms()) as u64),
            ),
            gauge(
                "metric_nexus_families",
                "Metrics that the hub keeps.",
                &[],
                whole(catalog.families_len() as u64),
            ),
            gauge(
                "metric_nexus_series",
                "Series that the hub keeps.",
                &[],
                whole(catalog.series_len()),
            ),
            gauge(
                "metric_nexus_read_only",
                "1 while the journal cannot be written and no writes are taken.",
                &[],
                whole(u64::from(status.read_only().is_some())),
            ),
            counter("metric_nexus_changes_total", "Changes applied.", status.changes()),
            OwnFamily {
                name: "metric_nexus_writes_total".to_owned(),
                help: "Writes by what became of them.".to_owned(),
                kind: Kind::Counter,
                samples: [
                    ("applied", status.writes_applied()),
                    ("refused", status.writes_refused()),
                    ("unknown", status.writes_unknown()),
                    ("queue_full", status.queue_full_total()),
                ]
                .into_iter()
                .map(|(outcome, count)| sample(&[("outcome", outcome)], whole(count)))
                .collect(),
            },
            counter(
                "metric_nexus_idempotency_replays_total",
                "Repeated writes that were answered as the first.",
                status.replays(),
            ),
            counter(
                "metric_nexus_idempotency_conflicts_total",
                "Idempotency keys that came with another request than the first.",
                status.keys_reused(),
            ),
            counter(
                "metric_nexus_idempotency_evictions_total",
                "Idempotency keys that were forgotten (idempotency.retention, idempotency.keys_max).",
                catalog.used_keys.evicted(),
            ),
            gauge(
                "metric_nexus_idempotency_keys",
                "Idempotency keys that are known.",
                &[],
                whole(catalog.used_keys.len() as u64),
            ),
            counter(
                "metric_nexus_journal_frames_total",
                "Frames appended to the journal, each durable by one sync.",
                status.frames(),
            ),
            gauge(
                "metric_nexus_journal_bytes",
                "Bytes in the journal's current segment.",
                &[],
                whole(status.journal_bytes()),
            ),
            counter(
                "metric_nexus_journal_errors_total",
                "Times that the journal could not be written.",
                status.journal_errors(),
            ),
            counter("metric_nexus_snapshots_total", "Snapshots written.", status.snapshots()),
            counter(
                "metric_nexus_snapshot_errors_total",
                "Snapshots that could not be written.",
                status.snapshot_errors(),
            ),
            gauge(
                "metric_nexus_snapshot_duration_seconds",
                "How long the last snapshot took.",
                &[],
                seconds(status.snapshot_ms()),
            ),
            gauge(
                "metric_nexus_snapshot_bytes",
                "How large the last snapshot is.",
                &[],
                whole(status.snapshot_bytes()),
            ),
            gauge(
                "metric_nexus_snapshot_timestamp_seconds",
                "When the last snapshot was finished, 0 if there was none since the start.",
                &[],
                seconds(status.snapshot_at_ms()),
            ),
            counter(
                "metric_nexus_auth_failures_total",
                "Requests without a key that counts.",
                self.shared.auth_failures.load(Relaxed),
            ),
        ]
    }

    fn of_serving(&self) -> Vec<OwnFamily> {
        let serving = &*self.shared.serving;
        let timeouts = [
            ("handshake", &serving.handshake_timeouts),
            ("header", &serving.header_timeouts),
            ("idle", &serving.idle_timeouts),
            ("body", &serving.body_timeouts),
            ("answer", &serving.answer_timeouts),
        ];
        vec![
            gauge(
                "metric_nexus_connections_open",
                "Connections that are open.",
                &[],
                whole(serving.connections_open.load(Relaxed)),
            ),
            counter(
                "metric_nexus_connections_total",
                "Connections accepted.",
                serving.connections_total.load(Relaxed),
            ),
            counter(
                "metric_nexus_connections_at_cap_total",
                "Times that accepting waited for a connection to end (limits.connections_max).",
                serving.at_cap.load(Relaxed),
            ),
            counter(
                "metric_nexus_accept_errors_total",
                "Times that the operating system gave no connection.",
                serving.accept_errors.load(Relaxed),
            ),
            counter(
                "metric_nexus_handshake_failures_total",
                "TLS handshakes that failed.",
                serving.handshake_failures.load(Relaxed),
            ),
            OwnFamily {
                name: "metric_nexus_timeouts_total".to_owned(),
                help: "Connections or requests ended by a timeout, by what took too long.".to_owned(),
                kind: Kind::Counter,
                samples: timeouts
                    .into_iter()
                    .map(|(what, count)| sample(&[("waiting_for", what)], whole(count.load(Relaxed))))
                    .collect(),
            },
            counter(
                "metric_nexus_wire_received_bytes_total",
                "Bytes received on connections, TLS included.",
                serving.wire_bytes_in.load(Relaxed),
            ),
            counter(
                "metric_nexus_wire_sent_bytes_total",
                "Bytes sent on connections, TLS included.",
                serving.wire_bytes_out.load(Relaxed),
            ),
        ]
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts beyond 2^53 are shown as the nearest double"
)]
pub(crate) fn whole(count: u64) -> f64 {
    count as f64
}

pub(crate) fn sample(labels: &[(&str, &str)], value: f64) -> OwnSample {
    OwnSample {
        labels: Labels::from_pairs(labels.iter().copied()).unwrap_or_default(),
        value: OwnValue::Number(value),
    }
}

pub(crate) fn gauge(name: &str, help: &str, labels: &[(&str, &str)], value: f64) -> OwnFamily {
    OwnFamily {
        name: name.to_owned(),
        help: help.to_owned(),
        kind: Kind::Gauge,
        samples: vec![sample(labels, value)],
    }
}

pub(crate) fn counter(name: &str, help: &str, count: u64) -> OwnFamily {
    OwnFamily {
        name: name.to_owned(),
        help: help.to_owned(),
        kind: Kind::Counter,
        samples: vec![sample(&[], whole(count))],
    }
}

/// A family as the `prometheus` crate gathers it.
fn own_family(family: &MetricFamily) -> OwnFamily {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED => Kind::Gauge,
    };
    let samples = family.get_metric().iter().map(|metric| {
        let labels = metric
            .get_label()
            .iter()
            .map(|label: &LabelPair| (label.name().to_owned(), label.value().to_owned()));
        let value = match kind {
            Kind::Histogram => {
                let histogram = metric.get_histogram();
                OwnValue::Histogram {
                    buckets: histogram
                        .get_bucket()
                        .iter()
                        .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
                        .filter(|(bound, _)| bound.is_finite())
                        .collect(),
                    sum: histogram.get_sample_sum(),
                    count: histogram.get_sample_count(),
                }
            }
            Kind::Counter => OwnValue::Number(metric.get_counter().get_value()),
            _ => OwnValue::Number(metric.get_gauge().get_value()),
        };
        OwnSample {
            labels: Labels::from_pairs(labels).unwrap_or_default(),
            value,
        }
    });
    OwnFamily {
        name: family.name().to_owned(),
        help: family.help().to_owned(),
        kind,
        samples: samples.collect(),
    }
}

fn certificate(expires: SystemTime) -> OwnFamily {
    let seconds = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    gauge(
        "metric_nexus_certificate_expiry_timestamp_seconds",
        "When the served certificate ends; one that the hub made is renewed a month before.",
        &[],
        whole(seconds),
    )
}
