//! What becomes of one write, whoever made it and wherever it stands: on its way here, or in a record.

use crate::{
    state::{Lookup, Stamp, State, StoreLimits},
    write::{Applied, Mode, Refusal, Write},
};

/// What became of a write.
#[derive(Debug)]
pub(super) enum Decision {
    /// It happened, perhaps in part: the write is what is left of it.
    Happened(Applied),
    /// It happened before, under the same idempotency key.
    HappenedBefore(Applied),
    /// Its idempotency key was used for another request.
    KeyReused,
    /// Nothing happened, and its idempotency key is as unused as before. At most [`Refusal::LIST_MAX`].
    Refused(Vec<Refusal>),
}

/// Looks for the write's idempotency key, then for its series; checks it, applies it, keeps its key. Its first change gets the
/// sequence of `stamp`. Of a write that may happen in part, what is refused is taken out.
///
/// The decision follows from state, limits, write and stamp alone: whoever decides the same writes in the same order has the
/// same state.
pub(super) fn decide(state: &mut State, limits: &StoreLimits, write: &mut Write<'_>, stamp: Stamp) -> Decision {
    match write.idempotency.map(|key| state.catalog.used_keys.find(&key)) {
        None | Some(Lookup::Unknown) => {}
        Some(Lookup::Other) => return Decision::KeyReused,
        Some(Lookup::Same(used, refused)) => return Decision::HappenedBefore(used.applied(refused, write.sent())),
    }
    let mut found = state.find_all(write);
    let refusals = state.check_found(write, limits, &found);
    if !refusals.is_empty() {
        if write.mode == Mode::All {
            return Decision::Refused(refusals.into_list());
        }
        found.refuse(&refusals);
        write.refuse(refusals);
    }
    if write.changes.is_empty() && !write.refused.is_empty() {
        return Decision::Refused(write.refused.take_list());
    }
    let applied = state.apply_checked(write, &found, stamp.sequence, stamp.at_ms);
    if let Some(idempotency) = write.idempotency {
        state.keep_key(idempotency, &applied, stamp.at_ms);
        state.catalog.used_keys.evict(&limits.idempotency, stamp.at_ms);
    }
    Decision::Happened(applied)
}
