//! Whether the usage log and the usage agree.

use std::{
    collections::VecDeque,
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

/// What this hub charged to keys, less what its log has of it: since it was started, for a kill costs the usage and the log not the
/// same, and as far as several looks in a row found it, for a request is charged at its end and logged a little before or after.
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
    /// Compares the log with the usage until the shutdown. A store
    /// that other hubs share has their records, too, and is not compared.
    pub(crate) async fn compare(self, metering: Metering, shutdown: Shutdown) {
        let Some(shared) = self.shared.clone().filter(|shared| shared.place.file().is_some()) else {
            return;
        };
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looks = Looks::default();
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
                    let found = Field::ALL.map(|field| {
                        let whole = |amount: Amount| i64::try_from(amount.get(field)).unwrap_or(i64::MAX);
                        whole(charged).saturating_sub(whole(logged))
                    });
                    for (field, lasting) in Field::ALL.into_iter().zip(looks.note(since, found)) {
                        shared.difference.of(field).store(lasting, Relaxed);
                    }
                }
                Ok(Err(error)) => tracing::warn!(%error, "the usage log cannot be compared with the usage"),
                Err(error) => tracing::error!(%error, "the usage log cannot be compared with the usage"),
            }
        }
    }
}

/// What was found in the last looks.
#[derive(Debug, Default)]
struct Looks {
    /// The month's beginning, and how far they differed when this began to look.
    month: Option<(Time, [i64; 3])>,
    recent: VecDeque<[i64; 3]>,
}

/// So many looks in a row must agree that there is a difference.
const LOOKS: usize = 5;

impl Looks {
    /// Takes a look, and says what of the differences has lasted.
    fn note(&mut self, month: Time, found: [i64; 3]) -> [i64; 3] {
        let base = match self.month {
            Some((known, base)) if known == month => base,
            Some(_) => self.begin(month, [0; 3]),
            None => self.begin(month, found),
        };
        self.recent.push_back(each(found, base, i64::saturating_sub));
        if self.recent.len() > LOOKS {
            self.recent.pop_front();
        }
        if self.recent.len() < LOOKS {
            return [0; 3];
        }
        let least = self
            .recent
            .iter()
            .fold([i64::MAX; 3], |least, look| each(least, *look, i64::min));
        let most = self
            .recent
            .iter()
            .fold([i64::MIN; 3], |most, look| each(most, *look, i64::max));
        each(least, most, |least, most| least.max(0) + most.min(0))
    }

    fn begin(&mut self, month: Time, base: [i64; 3]) -> [i64; 3] {
        if base != [0; 3] {
            tracing::info!(
                requests = base[0],
                egress_bytes = base[1],
                ingress_bytes = base[2],
                "what was charged this month and what the usage log has of it differ at the start, as after a kill; compared is what follows"
            );
        }
        self.recent.clear();
        self.month = Some((month, base));
        base
    }
}

fn each(mut ones: [i64; 3], others: [i64; 3], of: impl Fn(i64, i64) -> i64) -> [i64; 3] {
    for (one, other) in ones.iter_mut().zip(others) {
        *one = of(*one, other);
    }
    ones
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_what_lasts_since_the_start() {
        let month = Time::from_seconds(0);
        let mut looks = Looks::default();
        let mut check = |month: Time, found: &[i64], expected: i64| {
            let shown = found.iter().map(|found| looks.note(month, [*found, 0, 0])[0]).last();
            assert_eq!(shown, Some(expected), "{found:?}");
        };
        // What a kill has cost is not told again.
        check(month, &[-406, -406, -406, -406, -406, -406], 0);
        // Requests that are under way come and go.
        check(month, &[-419, -406, -403, -406, -410], 0);
        // What is missing stays.
        check(month, &[-400, -398, -400, -400, -399], 6);
        check(month, &[-410, -410, -412, -410, -410], -4);
        check(Time::from_seconds(1), &[3, 3, 3, 3], 0);
        check(Time::from_seconds(1), &[3], 3);
    }
}
