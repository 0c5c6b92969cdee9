//! What serving says of itself.

use std::sync::atomic::Ordering::Relaxed;

use super::Counters;
use crate::own_metrics::{OwnFamily, counter, counters, gauge, whole};

impl Counters {
    /// Connections, what ended them, and bytes on the wire.
    pub(crate) fn families(&self) -> Vec<OwnFamily> {
        let timeouts = [
            ("handshake", &self.handshake_timeouts),
            ("header", &self.header_timeouts),
            ("idle", &self.idle_timeouts),
            ("body", &self.body_timeouts),
            ("answer", &self.answer_timeouts),
        ];
        vec![
            gauge(
                "metric_nexus_connections_open",
                "Connections that are open.",
                &[],
                whole(self.connections_open.load(Relaxed)),
            ),
            counter(
                "metric_nexus_connections_total",
                "Connections accepted.",
                self.connections_total.load(Relaxed),
            ),
            counter(
                "metric_nexus_connections_at_cap_total",
                "Times that all connections that are allowed were open when another came (limits.connections_max).",
                self.at_cap.load(Relaxed),
            ),
            counter(
                "metric_nexus_connections_sent_away_total",
                "Connections without a key that were closed to make room for others (limits.connections_max).",
                self.sent_away.load(Relaxed),
            ),
            counter(
                "metric_nexus_accept_errors_total",
                "Times that the operating system gave no connection.",
                self.accept_errors.load(Relaxed),
            ),
            counter(
                "metric_nexus_handshake_failures_total",
                "TLS handshakes that failed.",
                self.handshake_failures.load(Relaxed),
            ),
            counters(
                "metric_nexus_timeouts_total",
                "Connections or requests ended by a timeout, by what took too long.",
                "waiting_for",
                timeouts.map(|(what, count)| (what, count.load(Relaxed))),
            ),
            counter(
                "metric_nexus_wire_received_bytes_total",
                "Bytes received on connections, TLS included.",
                self.wire_bytes_in.load(Relaxed),
            ),
            counter(
                "metric_nexus_wire_sent_bytes_total",
                "Bytes sent on connections, TLS included.",
                self.wire_bytes_out.load(Relaxed),
            ),
        ]
    }
}
