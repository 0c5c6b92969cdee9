//! Fuzz target: the body of a JSON batch.

use super::state::{exposes_what_can_be_read, snapshot_reads_back};
use crate::{
    protocol,
    state::{State, StoreLimits},
    write::{Change, Reader, RequestLimits, Write},
};

const CHANGES_MAX: usize = 1000;

const LIMITS: RequestLimits = RequestLimits {
    labels_per_series_max: 64,
    name_bytes_max: 1024,
    value_bytes_max: 4096,
    labels_bytes_max: usize::MAX,
    help_bytes_max: 4096,
};

/// The body of a JSON batch. What can be read stands in the journal as it was sent; what may happen leaves a state that a
/// snapshot keeps and that scrapers can read.
pub fn batch(body: &[u8]) -> bool {
    let Ok(changes) = protocol::batch::parse::parse(body, CHANGES_MAX) else {
        return false;
    };
    let write = write_of(changes);
    let valid = write.validate(&LIMITS).is_empty();
    if valid {
        journals_as_it_is(&write);
    }
    let mut state = State::default();
    if valid && state.check(&write, &StoreLimits::NONE).is_empty() {
        let position = state.apply(&write, 1, 1_700_000_000_000).sequence;
        snapshot_reads_back(&state, position, None, &[]);
        exposes_what_can_be_read(&state);
    }
    true
}

pub(super) fn write_of(changes: Vec<Change<'static>>) -> Write<'static> {
    Write::of("fuzz", changes)
}

pub(super) fn journals_as_it_is(write: &Write<'_>) {
    let bytes = write.encode();
    let mut reader = Reader::new(&bytes);
    let recorded = reader.write().expect("what was encoded is read");
    assert!(reader.is_at_end());
    assert_eq!(told(&recorded.changes), told(&write.changes));
    // NaN is not equal to itself, its bytes are.
    assert_eq!(recorded.encode(), bytes);
}

/// Definitions as they are said, wherever they stand.
fn told(changes: &[Change<'_>]) -> Vec<String> {
    let told = |change: &Change<'_>| {
        let define = change.target().and_then(|target| target.define.definition());
        let family = change.family();
        let op = match change {
            Change::Series(target, op) => format!("{:?} {:?} {:?} {op:?}", target.labels, target.group, target.expires),
            other => format!("{other:?}"),
        };
        format!("{family:?} {define:?} {op}")
    };
    changes.iter().map(told).collect()
}
