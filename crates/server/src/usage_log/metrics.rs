//! What the hub tells of its usage log.

use std::sync::atomic::Ordering::Relaxed;

use nexus_metric::Kind;
use nexus_usage::Field;

use super::{UsageLogHandle, difference::Difference, sources};
use crate::own_metrics::{OwnFamily, counter, gauge, sample, whole};

/// What became of the records of the usage log: received are those stored, known before, dropped, and still waiting.
pub(crate) fn families(log: &UsageLogHandle) -> Vec<OwnFamily> {
    let Some((counts, left_out)) = log.counts() else {
        return Vec::new();
    };
    let fates = [
        ("stored", counts.stored),
        ("quarantined", counts.quarantined),
        ("duplicate", counts.duplicate),
    ];
    let dropped = counts.dropped.by_reason().into_iter();
    let mut families = vec![
        counter(
            "metric_nexus_usage_log_received_total",
            "Records that came to the usage log.",
            counts.received,
        ),
        OwnFamily {
            name: "metric_nexus_usage_log_records_total".to_owned(),
            help: "Records of the usage log by what became of them.".to_owned(),
            kind: Kind::Counter,
            samples: fates
                .into_iter()
                .map(|(fate, count)| sample(&[("fate", fate)], whole(count)))
                .collect(),
        },
        OwnFamily {
            name: "metric_nexus_usage_log_dropped_total".to_owned(),
            help: "Records that are not in the usage log, by reason.".to_owned(),
            kind: Kind::Counter,
            samples: dropped
                .chain([("file_full", left_out)])
                .map(|(reason, count)| sample(&[("reason", reason)], whole(count)))
                .collect(),
        },
        gauge(
            "metric_nexus_usage_log_pending",
            "Records that wait to be stored.",
            &[],
            whole(counts.pending),
        ),
    ];
    families.extend(log.difference().map(difference));
    families.extend(log.file_bytes().map(|bytes| {
        gauge(
            "metric_nexus_usage_log_bytes",
            "How large usage-log.db is on disk, with what SQLite keeps beside it (usage_log.bytes_max).",
            &[],
            whole(bytes),
        )
    }));
    families.extend(log.sources().into_iter().flat_map(sources::families));
    families
}

fn difference(difference: &Difference) -> OwnFamily {
    let of = |field: Field| signed(difference.of(field).load(Relaxed));
    OwnFamily {
        name: "metric_nexus_usage_log_difference".to_owned(),
        help: "What was charged to keys on this hub since its start, or the month's, less what its usage log has of it; as far as five looks, one a minute, agree."
            .to_owned(),
        kind: Kind::Gauge,
        samples: Field::ALL
            .into_iter()
            .map(|field| sample(&[("field", field.name())], of(field)))
            .collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 the nearest double is shown")]
fn signed(number: i64) -> f64 {
    number as f64
}
