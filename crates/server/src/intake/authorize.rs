//! Whether a principal may make the changes of a write.

use super::Rejected;
use crate::{
    auth::{Denied, Principal, Scope},
    write::{Change, Mode, Reason, Refusal, Refusals, Write},
};

/// Without the scope it may nothing; with a prefix, the changes of metrics outside it are refused.
pub(super) fn write(principal: &Principal, write: &Write<'_>) -> Result<Refusals, Rejected> {
    principal.has(Scope::Write).map_err(Rejected::Denied)?;
    let mut refusals = Refusals::default();
    if principal.prefix.is_none() {
        return Ok(refusals);
    }
    let most = match write.mode {
        Mode::All => Refusal::LIST_MAX,
        Mode::Each => usize::MAX,
    };
    let changes = write.changes.iter().enumerate();
    for (index, denied) in changes
        .filter_map(|(index, change)| Some((index, denied(principal, change)?)))
        .take(most)
    {
        refusals.push(index, Reason::Forbidden(denied.to_string()));
    }
    Ok(refusals)
}

/// What finds its families itself carries the prefix with it, and touches nothing else.
fn denied(principal: &Principal, change: &Change<'_>) -> Option<Denied> {
    principal.may(Scope::Write, change.family()?.as_str()).err()
}
