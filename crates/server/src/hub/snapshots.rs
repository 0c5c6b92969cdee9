//! Takes a snapshot when one is due.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{background::Background, config::Config, shutdown::Shutdown, store::Store};

/// How often it is looked at whether a snapshot is due.
const PERIOD: Duration = Duration::from_secs(1);

/// Writes a snapshot every interval if anything changed, and earlier if the journal grew long; but never so often that it
/// would take more than its share of the time. Looks after the files on the way.
pub(super) async fn run(store: Store, background: Background, config: Arc<Config>, shutdown: Shutdown) {
    let mut last_end = Instant::now();
    let mut took = Duration::ZERO;
    loop {
        tokio::select! {
            () = shutdown.fired() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        store.verify_files();
        if !is_due(&store, &config, last_end.elapsed(), took) {
            continue;
        }
        let began = Instant::now();
        let taker = store.clone();
        match background.run(move || taker.snapshot()).await {
            Ok(Ok(taken)) => tracing::debug!(
                sequence = taken.position,
                bytes = taken.bytes,
                took_ms = taken.took_ms,
                "wrote a snapshot"
            ),
            Ok(Err(error)) => tracing::error!(%error, "the snapshot failed; the one before it is still there"),
            Err(error) => tracing::error!(%error, "the snapshot failed"),
        }
        last_end = Instant::now();
        took = last_end - began;
    }
}

fn is_due(store: &Store, config: &Config, since: Duration, took: Duration) -> bool {
    let status = store.status();
    let rested = since >= took.div_f64(config.snapshot.time_share_max.max(f64::EPSILON));
    let changed = status.sequence() != status.snapshot_position();
    let long = status.journal_bytes() >= config.journal.segment_bytes_max as u64;
    changed && rested && status.read_only().is_none() && (long || since >= config.snapshot.interval)
}
