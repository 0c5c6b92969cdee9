//! Dimensions, ids and contents in few bytes, to tell them apart.

use sha2::{Digest as _, Sha256};

use crate::{
    id::{ForeignId, Timing},
    record::{Dimensions, Record},
};

/// Names something in few bytes: the first half of its SHA-256.
pub(crate) type Digest = [u8; 16];

pub(crate) fn dimensions(dimensions: &Dimensions) -> Digest {
    let mut hasher = Sha256::new();
    add_dimensions(&mut hasher, dimensions);
    finish(hasher)
}

pub(crate) fn account(dimensions: &Dimensions) -> Digest {
    let mut hasher = Sha256::new();
    for text in [&dimensions.key, &dimensions.tenant, &dimensions.service] {
        add_text(&mut hasher, text);
    }
    hasher.update(dimensions.status.to_le_bytes());
    finish(hasher)
}

pub(crate) fn id(id: &ForeignId) -> Digest {
    let mut hasher = Sha256::new();
    for text in [&id.scope, &id.source, &id.id] {
        add_text(&mut hasher, text);
    }
    finish(hasher)
}

/// Tells two events under the same id apart.
pub(crate) fn content(record: &Record, timing: Timing) -> i64 {
    let mut hasher = Sha256::new();
    add_dimensions(&mut hasher, &record.dimensions);
    let amounts = &record.amounts;
    for amount in [
        amounts.calls,
        amounts.bytes_in,
        amounts.bytes_out,
        amounts.body_bytes_in,
        amounts.body_bytes,
        amounts.duration_ns,
    ] {
        hasher.update(amount.to_le_bytes());
    }
    if timing == Timing::Given {
        hasher.update(record.ended_at.nanos().to_le_bytes());
    }
    let [a, b, c, d, e, f, g, h, ..] = finish(hasher);
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn add_dimensions(hasher: &mut Sha256, dimensions: &Dimensions) {
    for text in dimensions.texts() {
        add_text(hasher, text);
    }
    hasher.update(dimensions.status.to_le_bytes());
    add_text(hasher, dimensions.outcome.name());
    for (name, value) in dimensions.labels.iter() {
        add_text(hasher, name);
        add_text(hasher, value);
    }
}

/// With its length, so that no two lists of texts read the same.
fn add_text(hasher: &mut Sha256, text: &str) {
    hasher.update((text.len() as u64).to_le_bytes());
    hasher.update(text);
}

fn finish(hasher: Sha256) -> Digest {
    let mut digest = Digest::default();
    digest
        .iter_mut()
        .zip(hasher.finalize())
        .for_each(|(to, from)| *to = from);
    digest
}
