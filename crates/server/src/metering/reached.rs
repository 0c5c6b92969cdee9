//! Logs how much of their limits keys have used up.

use nexus_usage::{Reached, Usage};
use tokio::sync::broadcast::error::RecvError;

/// Logs how much of their limits keys have used up, as they reach it.
pub(super) async fn log(usage: Usage) {
    let mut reached = usage.reached();
    // It is held no longer, so that it can end.
    drop(usage);
    loop {
        match reached.recv().await {
            Ok(reached) => say(&reached),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "limits on usage were reached, and not all logged");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn say(reached: &Reached) {
    tracing::warn!(
        key = %reached.subject,
        month = %reached.period,
        percent = reached.milestone.percent(),
        used = reached.used,
        limit = reached.limit,
        "a key has used up this much of its {}",
        reached.field
    );
}
