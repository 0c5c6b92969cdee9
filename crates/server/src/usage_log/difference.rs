//! Whether the usage log and the usage agree.

use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::Duration,
};

use nexus_usage::{Amount, Field};
use nexus_usage_log::{Query, Time};

use super::{NoReport, Place, UsageLogHandle};
use crate::{metering::Metering, shutdown::Shutdown};

/// How often they are compared.
const PERIOD: Duration = Duration::from_secs(60);
/// How long the log may take to store what waits.
const FLUSH: Duration = Duration::from_secs(2);

/// What this hub charged to keys this month, less what its log has of it.
#[derive(Debug, Default)]
pub(super) struct Difference {
    requests: AtomicI64,
    egress: AtomicI64,
    ingress: AtomicI64,
}

impl Difference {
    pub(super) fn of(&self, field: Field) -> &AtomicI64 {
        match field {
            Field::ApiRequests => &self.requests,
            Field::EgressBytes => &self.egress,
            Field::IngressBytes => &self.ingress,
        }
    }
}

impl UsageLogHandle {
    /// Compares the log with the usage until the shutdown. Requests that come in between make them differ for a moment. A store
    /// that other hubs share has their records, too, and is not compared.
    pub(crate) async fn compare(self, metering: Metering, shutdown: Shutdown) {
        let Some(shared) = self.shared.clone().filter(|shared| shared.place.file().is_some()) else {
            return;
        };
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.fired() => return,
                _ = ticks.tick() => {}
            }
            // Not kept on this hub, or not at the moment.
            let Some((since, charged)) = metering.charged_here().await else {
                continue;
            };
            let log = self.clone();
            let logged = tokio::task::spawn_blocking(move || {
                log.flush(FLUSH);
                log.place().map_or(Ok(Amount::ZERO), |place| logged(place, since))
            });
            match logged.await {
                Ok(Ok(logged)) => {
                    for field in Field::ALL {
                        let whole = |amount: Amount| i64::try_from(amount.get(field)).unwrap_or(i64::MAX);
                        shared
                            .difference
                            .of(field)
                            .store(whole(charged) - whole(logged), Relaxed);
                    }
                }
                Ok(Err(error)) => tracing::warn!(%error, "the usage log cannot be compared with the usage"),
                Err(error) => tracing::error!(%error, "the usage log cannot be compared with the usage"),
            }
        }
    }
}

/// What the hub's own records since then add up to.
fn logged(place: &Place, since: Time) -> Result<Amount, NoReport> {
    let query = Query {
        // Who is refused for a key is logged as nobody, and charged to nobody.
        filters: ["service=hub", "key!="]
            .iter()
            .flat_map(|filter| filter.parse())
            .collect(),
        from: Some(since),
        ..Query::default()
    };
    let report = place.report(&query)?;
    Ok(report.rows.iter().fold(Amount::ZERO, |sum, row| {
        sum.plus(Amount {
            api_requests: row.amounts.calls,
            egress_bytes: row.amounts.body_bytes,
            ingress_bytes: row.amounts.body_bytes_in,
        })
    }))
}
