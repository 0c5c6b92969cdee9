//! The collectors of the hub's own metrics: one row for each part that has any.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{process, sources::Lost};
use crate::{
    accounts::Accounts,
    bandwidth::{self, Bandwidth},
    clients::Clients,
    http::RequestMetrics,
    memory::RequestMemory,
    metering::{self, Metering},
    own_metrics::{OwnFamily, OwnMetrics, gauge, whole},
    reload::Reloader,
    serve::Counters,
    store::Store,
    usage_log::{self, UsageLogHandle},
};

/// The parts of the hub that say something of themselves.
pub(super) struct Parts {
    pub(super) requests: Arc<RequestMetrics>,
    pub(super) store: Store,
    pub(super) clients: Clients,
    pub(super) serving: Arc<Counters>,
    pub(super) lost: Arc<Lost>,
    pub(super) bandwidth: Bandwidth,
    pub(super) metering: Metering,
    pub(super) accounts: Accounts,
    pub(super) usage_log: UsageLogHandle,
    pub(super) reloader: Reloader,
    pub(super) memory: RequestMemory,
}

impl Parts {
    pub(super) fn register(self) -> OwnMetrics {
        OwnMetrics::new(vec![
            Box::new(move || self.requests.families()),
            Box::new(process::families),
            Box::new(|| vec![build()]),
            Box::new(move || vec![self.clients.family()]),
            Box::new(move || self.store.families()),
            Box::new(move || self.serving.families()),
            Box::new(move || vec![self.lost.family()]),
            Box::new(move || bandwidth::families(&self.bandwidth)),
            Box::new(move || metering::families(&self.metering)),
            Box::new(move || vec![self.accounts.family()]),
            Box::new(move || self.memory.families()),
            Box::new(move || usage_log::families(&self.usage_log)),
            Box::new(move || {
                self.reloader
                    .certificate_expires()
                    .map(certificate)
                    .into_iter()
                    .collect()
            }),
        ])
    }
}

fn build() -> OwnFamily {
    gauge(
        "metric_nexus_build_info",
        "The hub's version; always 1.",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1.0,
    )
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
