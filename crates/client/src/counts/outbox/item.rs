//! What was counted in one series, on its way to the hub.

use std::sync::Arc;

use crate::{
    Batch, EncodedBatch,
    counts::{
        delta::Delta,
        families::Families,
        report::{Amount, Undelivered},
        series::Shared,
    },
};

/// What was counted in one series, on its way.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) shared: Arc<Shared>,
    pub(super) delta: Delta,
}

impl Item {
    pub(super) fn new(shared: Arc<Shared>, delta: Delta) -> Self {
        Item { shared, delta }
    }

    pub(super) fn then(self, later: Delta) -> Self {
        Item {
            delta: self.delta.then(later),
            ..self
        }
    }

    pub(super) fn undelivered(&self, reason: &str) -> Undelivered {
        Undelivered::new(&self.shared, Amount::of(&self.delta), reason)
    }
}

/// One change for each item. Of neighbours of one name, only the first says what the metric is described as: the others
/// find it made.
pub(super) fn encode(items: &[Item], families: &Families) -> EncodedBatch {
    let mut batch = Batch::new();
    let mut described = None;
    for item in items {
        let identity = &item.shared.identity;
        let description = Some(&identity.name)
            .filter(|name| described != Some(*name))
            .and_then(|name| families.description(name));
        described = Some(&identity.name);

        let labels = identity.labels.iter().map(|(name, value)| (&**name, &**value));
        let mut change = batch.metric(&identity.name).labels(labels).kind(identity.kind);
        if let Some(buckets) = &item.shared.buckets {
            change = change.buckets(match buckets.bounds() {
                // Nothing would mean that nothing is said.
                [] => &[f64::INFINITY],
                bounds => bounds,
            });
        }
        if let Some(description) = &description {
            change = change.help(&description.help).unit(&description.unit);
        }
        match &item.delta {
            Delta::Create => change.create(),
            Delta::Add(value) => change.add(*value),
            Delta::Set(value) => change.update(*value),
            Delta::Merge { counts, sum } => change.merge(counts, *sum),
        }
    }
    batch.into_encoded()
}
