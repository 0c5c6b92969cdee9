//! `snapshot`: how often the state is written as a whole.

use super::{section::Section, units};
use std::time::Duration;

/// Settings of the snapshot; it is also written on shutdown and on demand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    /// `snapshot.interval`: from one to the next if anything has changed: 60 s.
    pub(crate) interval: Duration,
    /// `snapshot.time_share_max`: the part of the time that may go into writing them, so that a large state is written
    /// less often: 0.1.
    pub(crate) time_share_max: f64,
}

impl Default for Snapshot {
    fn default() -> Self {
        Snapshot {
            interval: Duration::from_secs(60),
            time_share_max: 0.1,
        }
    }
}

impl Snapshot {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("snapshot");
        let mut snapshot = Snapshot::default();
        let range = Duration::from_millis(1)..=Duration::from_secs(86_400);
        section.set("interval", &mut snapshot.interval, |value| {
            units::duration(value, &range)
        });
        section.set("time_share_max", &mut snapshot.time_share_max, units::ratio);
        section.finish();
        snapshot
    }
}
