//! `journal`: the history since the last snapshot.

use super::{section::Section, units};

/// Settings of the journal; there is none under `durability: snapshot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    /// `journal.segment_bytes_max`: when a new segment is begun: 256 MiB.
    pub(crate) segment_bytes_max: usize,
}

impl Default for Journal {
    fn default() -> Self {
        Journal {
            segment_bytes_max: 256 << 20,
        }
    }
}

impl Journal {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("journal");
        let mut journal = Journal::default();
        let range = 64 << 10..=64 << 30;
        section.set("segment_bytes_max", &mut journal.segment_bytes_max, |value| {
            units::size(value, &range)
        });
        section.finish();
        journal
    }
}
