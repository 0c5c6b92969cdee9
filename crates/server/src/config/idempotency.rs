//! `idempotency`: how long the repeat of a write is known as one.

use super::{section::Section, units};
use std::time::Duration;

/// What is kept of idempotency keys; the oldest go first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Idempotency {
    /// `idempotency.retention`: how long a key is known: 24 h.
    pub(crate) retention: Duration,
    /// `idempotency.keys_max`: how many are known: 1 000 000, at most 64 bytes of memory each.
    pub(crate) keys_max: usize,
}

impl Default for Idempotency {
    fn default() -> Self {
        Idempotency {
            retention: Duration::from_secs(24 * 3600),
            keys_max: 1_000_000,
        }
    }
}

impl Idempotency {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("idempotency");
        let mut idempotency = Idempotency::default();
        let times = Duration::from_secs(1)..=Duration::from_secs(366 * 86_400);
        section.set("retention", &mut idempotency.retention, |value| {
            units::duration(value, &times)
        });
        let counts = 1..=1_000_000_000;
        section.set("keys_max", &mut idempotency.keys_max, |value| {
            units::count(value, &counts)
        });
        section.finish();
        idempotency
    }
}
