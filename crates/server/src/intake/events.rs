//! Usage that others counted.

use nexus_usage_log::{Event, EventOutcome};

use super::{Intake, Rejected, RequestUsage};
use crate::auth::Scope;

impl Intake {
    /// Stores the events of a request that was admitted; answers when they are stored. Says of each what became of it.
    pub(crate) async fn store_events(
        &self,
        admitted: &RequestUsage,
        events: Vec<Event>,
    ) -> Result<Vec<EventOutcome>, Rejected> {
        admitted.principal().has(Scope::Write).map_err(Rejected::Denied)?;
        if !self.usage_log.is_enabled() {
            return Err(Rejected::NoUsageLog);
        }
        self.usage_log.store(events).await.map_err(Rejected::UsageLog)
    }
}
