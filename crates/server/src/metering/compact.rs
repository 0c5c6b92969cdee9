//! Folds months that no hub counts any more.

use std::time::Duration;

use nexus_usage::{Calendar, Ledger, Time};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Folds the months that no hub counts any more: those that ended before the last two began, 59 days ago at least. Ends with
/// the runtime.
pub(super) async fn daily(ledger: Option<Ledger>, calendar: Calendar) {
    let Some(ledger) = ledger else { return };
    let mut days = tokio::time::interval(DAY);
    loop {
        days.tick().await;
        let now = calendar.period_of(Time::now());
        match ledger.compact(now.previous().previous()).await {
            Ok(0) => {}
            Ok(cells) => tracing::info!(cells, "folded the usage of months that are over"),
            Err(error) => tracing::warn!(%error, "cannot fold the usage of months that are over; tried again tomorrow"),
        }
    }
}
