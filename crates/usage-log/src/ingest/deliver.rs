//! Hands events over until they are stored.

use std::time::Duration;

use crate::{
    error::StoreError,
    id::{Event, EventOutcome},
    log::UsageLog,
};

const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// The log is closed.
#[derive(Debug)]
pub(super) struct Closed;

/// Stores events, however long it takes. Dropping the future may leave them stored or not.
pub(super) async fn deliver(log: &UsageLog, events: &[Event]) -> Result<Vec<EventOutcome>, Closed> {
    let mut wait = RETRY_MIN;
    loop {
        let error = match log.store(events.to_vec()).await {
            Ok(fates) => return Ok(fates),
            Err(StoreError::Closed) => return Err(Closed),
            Err(error) => error,
        };
        if wait == RETRY_MIN {
            tracing::warn!(%error, events = events.len(), "events wait, the usage log does not store them now");
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}
