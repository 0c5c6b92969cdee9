//! Usage that others counted.

use std::sync::Arc;

use nexus_usage_log::{Event, EventOutcome};

use super::{Intake, OthersUsage, Rejected, RequestUsage};
use crate::auth::{Principal, ReportsFor};

impl Intake {
    /// Stores the events of a request that was admitted; answers when they are stored. Says of each what became of it.
    pub(crate) async fn store_events(
        &self,
        admitted: &RequestUsage,
        mut events: Vec<Event>,
    ) -> Result<Vec<EventOutcome>, Rejected> {
        let sender = admitted.principal();
        if sender.may_report().map_err(Rejected::Denied)? == ReportsFor::Itself {
            on_own_account(sender, &mut events)?;
        }
        if !self.usage_log.is_enabled() {
            return Err(Rejected::NoUsageLog);
        }
        self.usage_log.store(events).await.map_err(Rejected::UsageLog)
    }
}

/// Puts events that name no key on the sender's account. Bills are made by key or by tenant, so neither may be another's.
fn on_own_account(sender: &Principal, events: &mut [Event]) -> Result<(), Rejected> {
    let mut others = Vec::new();
    for (index, event) in events.iter_mut().enumerate() {
        let dimensions = &mut event.record.dimensions;
        let whom = match (&*dimensions.key, &*dimensions.tenant) {
            (key, _) if !key.is_empty() && *key != *sender.name => Some(format!("the key {key}")),
            (_, tenant) if !tenant.is_empty() => Some(format!("the tenant {tenant}")),
            _ => None,
        };
        match whom {
            Some(whom) => others.push(OthersUsage { index, whom }),
            None => dimensions.key = Arc::clone(&sender.name),
        }
    }
    if others.is_empty() {
        Ok(())
    } else {
        Err(Rejected::Events(others))
    }
}
