//! What the store says of itself.

use super::Store;
use crate::own_metrics::{OwnFamily, counter, counters, gauge, whole};

impl Store {
    /// How much it keeps, what became of writes, and how the journal and the snapshots fare.
    pub(crate) fn families(&self) -> Vec<OwnFamily> {
        let (status, view) = (self.status(), self.view());
        let seconds = |ms: u64| whole(ms) / 1000.0;
        vec![
            gauge(
                "metric_nexus_families",
                "Metrics that the hub keeps.",
                &[],
                whole(view.families_len() as u64),
            ),
            gauge(
                "metric_nexus_series",
                "Series that the hub keeps.",
                &[],
                whole(view.series_len()),
            ),
            gauge(
                "metric_nexus_read_only",
                "1 while the journal cannot be written and no writes are taken.",
                &[],
                whole(u64::from(status.read_only().is_some())),
            ),
            counter("metric_nexus_changes_total", "Changes applied.", status.changes()),
            counters(
                "metric_nexus_writes_total",
                "Writes by what became of them.",
                "outcome",
                [
                    ("applied", status.writes_applied()),
                    ("refused", status.writes_refused()),
                    ("unknown", status.writes_unknown()),
                    ("queue_full", status.queue_full_total()),
                ],
            ),
            counter(
                "metric_nexus_idempotency_replays_total",
                "Repeated writes that were answered as the first.",
                status.replays(),
            ),
            counter(
                "metric_nexus_idempotency_conflicts_total",
                "Idempotency keys that came with another request than the first.",
                status.keys_reused(),
            ),
            counter(
                "metric_nexus_idempotency_evictions_total",
                "Idempotency keys that were forgotten (idempotency.retention, idempotency.keys_max).",
                view.keys_evicted(),
            ),
            gauge(
                "metric_nexus_idempotency_keys",
                "Idempotency keys that are known.",
                &[],
                whole(view.keys_len() as u64),
            ),
            counter(
                "metric_nexus_journal_frames_total",
                "Frames appended to the journal, each durable by one sync.",
                status.frames(),
            ),
            gauge(
                "metric_nexus_journal_bytes",
                "Bytes in the journal's current segment.",
                &[],
                whole(status.journal_bytes()),
            ),
            counter(
                "metric_nexus_journal_errors_total",
                "Times that the journal could not be written.",
                status.journal_errors(),
            ),
            counter("metric_nexus_snapshots_total", "Snapshots written.", status.snapshots()),
            counter(
                "metric_nexus_snapshot_errors_total",
                "Snapshots that could not be written.",
                status.snapshot_errors(),
            ),
            gauge(
                "metric_nexus_snapshot_duration_seconds",
                "How long the last snapshot took.",
                &[],
                seconds(status.snapshot_ms()),
            ),
            gauge(
                "metric_nexus_snapshot_bytes",
                "How large the last snapshot is.",
                &[],
                whole(status.snapshot_bytes()),
            ),
            gauge(
                "metric_nexus_snapshot_timestamp_seconds",
                "When the last snapshot was finished, 0 if there was none since the start.",
                &[],
                seconds(status.snapshot_at_ms()),
            ),
        ]
    }
}
