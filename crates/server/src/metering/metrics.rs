//! What the metering says of keys and of itself.

use nexus_metric::Kind;
use nexus_usage::{Field, Period, Standing, Status, UsageHandle};

use super::{Kept, Metering};
use crate::own_metrics::{OwnFamily, OwnSample, counter, gauge, sample, whole};

/// What the counting says of keys and of itself.
pub(crate) fn families(metering: &Metering) -> Vec<OwnFamily> {
    let usage = metering.usage();
    let now = usage.current_period();
    let keys: Vec<Key> = usage.handles().iter().map(|handle| Key::of(handle, now)).collect();
    let mut families = of_keys(&keys);
    families.extend(of_store(&usage.status()));
    families.push(gauge(
        "metric_nexus_usage_in_memory",
        "1 if what is used is lost when the hub ends, because usage.db could not be written at the start.",
        &[],
        whole(u64::from(metering.kept == Kept::InMemory)),
    ));
    families
}

struct Key {
    name: String,
    standing: Standing,
    refused: nexus_usage::Amount,
    reached: Vec<(Field, u8)>,
}

impl Key {
    fn of(handle: &UsageHandle, now: Period) -> Self {
        let reached = handle.milestones(now).into_iter();
        Key {
            name: handle.subject().to_string(),
            standing: handle.standing(now),
            refused: handle.refused(),
            reached: reached.map(|(field, milestone)| (field, milestone.percent())).collect(),
        }
    }

    fn samples(&self, value: impl Fn(&Self, Field) -> Option<f64>) -> Vec<OwnSample> {
        let fields = Field::ALL.into_iter();
        let sampled = fields.filter_map(|field| {
            let labels = [("key", &*self.name), ("field", field.name())];
            Some(sample(&labels, value(self, field)?))
        });
        sampled.collect()
    }
}

fn of_keys(keys: &[Key]) -> Vec<OwnFamily> {
    let family = |name: &str, help: &str, kind, value: fn(&Key, Field) -> Option<f64>| OwnFamily {
        name: name.to_owned(),
        help: help.to_owned(),
        kind,
        samples: keys.iter().flat_map(|key| key.samples(value)).collect(),
    };
    vec![
        family(
            "metric_nexus_usage_used",
            "What a key has used this month, on all hubs that share their usage.",
            Kind::Gauge,
            |key, field| Some(whole(key.standing.used().get(field))),
        ),
        family(
            "metric_nexus_usage_limit",
            "What a key may use in a month, if there is a limit.",
            Kind::Gauge,
            |key, field| key.standing.limits.get(field).map(whole),
        ),
        family(
            "metric_nexus_usage_reached_percent",
            "How much of its limit a key has used up this month: 0, 50, 80 or 100.",
            Kind::Gauge,
            |key, field| {
                key.standing.limits.get(field)?;
                let reached = key.reached.iter().filter(|(of, _)| *of == field);
                Some(f64::from(reached.map(|(_, percent)| *percent).max().unwrap_or(0)))
            },
        ),
        family(
            "metric_nexus_usage_refused_total",
            "Requests that were refused because a key had used up what it may.",
            Kind::Counter,
            |key, field| Some(whole(key.refused.get(field))),
        ),
    ]
}

fn of_store(status: &Status) -> Vec<OwnFamily> {
    vec![
        gauge(
            "metric_nexus_usage_store_lost",
            "1 while the store in which hubs share their usage cannot be reached.",
            &[],
            whole(u64::from(status.is_lost)),
        ),
        counter(
            "metric_nexus_usage_store_losses_total",
            "Times that the shared store was lost.",
            status.losses,
        ),
        counter(
            "metric_nexus_usage_pushes_total",
            "Times that the shared store was told what was used.",
            status.pushes,
        ),
        counter(
            "metric_nexus_usage_push_failures_total",
            "Times that the shared store could not be told or asked.",
            status.push_failures,
        ),
        counter(
            "metric_nexus_usage_wipes_healed_total",
            "Times that the shared store had lost what it held, and was told again.",
            status.wipes_healed,
        ),
        counter(
            "metric_nexus_usage_checkpoints_total",
            "Times that what was used was kept in usage.db.",
            status.checkpoints,
        ),
        counter(
            "metric_nexus_usage_checkpoint_failures_total",
            "Times that it could not be kept; it is tried again.",
            status.checkpoint_failures,
        ),
        counter(
            "metric_nexus_usage_crashes_total",
            "Hubs before this one on this state that did not end in order, each of which may have lost 20 ms of counting.",
            status.crashed.len() as u64,
        ),
    ]
}
