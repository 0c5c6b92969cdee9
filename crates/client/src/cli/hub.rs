//! The hub that `nexus` talks to.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Exit, Failure, Output, Settings,
    arguments::Path,
    change::{json_number, spelled},
};
use crate::{Client, EncodedBatch, Error, IdempotencyKey, Written};

/// The hub that the settings name.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) client: Client,
    /// Stands for address and API key, without telling the latter.
    pub(super) identity: u64,
}

impl Hub {
    pub(super) fn connect(settings: &Settings) -> Result<Self, Failure> {
        Hub::connect_within(settings, settings.deadline())
    }

    /// A hub whose requests take at most so long.
    pub(super) fn connect_within(settings: &Settings, deadline: Duration) -> Result<Self, Failure> {
        let mut digest = Sha256::new();
        for part in settings.identity() {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let first = digest
            .finalize()
            .iter()
            .take(8)
            .fold(0, |all, byte| all << 8 | u64::from(*byte));
        Ok(Hub {
            client: settings.client(deadline)?,
            identity: first,
        })
    }

    pub(super) async fn write(&self, batch: &EncodedBatch, key: &IdempotencyKey) -> Result<Written, Error> {
        self.client.write_encoded(batch, key).await
    }
}

/// Prints a value.
pub(super) async fn get(hub: &Hub, output: &Output, path: &Path) -> Result<Exit, Failure> {
    let target = path.target()?;
    let labels = target.labels.iter();
    let metric = labels.fold(hub.client.metric(&target.metric), |metric, (name, value)| {
        metric.label(name, value)
    });
    let value = metric.read().await.map_err(|error| Failure::of(&error))?;
    if output.is_json() {
        let labels: Map<String, Value> = target
            .labels
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        output.done(&json!({"metric": target.metric, "labels": labels, "value": json_number(value)}))?;
    } else {
        output.data(&format!("{}\n", spelled(value)))?;
    }
    Ok(Exit::Done)
}
