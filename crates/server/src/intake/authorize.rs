//! Whether a principal may make the changes of a write.

use super::Rejected;
use crate::{
    auth::{Denied, Principal, Scope},
    write::{Change, Refusal},
};

/// Without the scope it may nothing; with a prefix it is told which of the changes are outside.
pub(super) fn all(principal: &Principal, changes: &[Change]) -> Result<(), Rejected> {
    principal.has(Scope::Write).map_err(Rejected::Denied)?;
    if principal.prefix.is_none() {
        return Ok(());
    }
    let denied = changes.iter().enumerate();
    let denied = denied.filter_map(|(index, change)| Some((index, one(principal, change).err()?)));
    let denied: Vec<(usize, Denied)> = denied.take(Refusal::LIST_MAX).collect();
    match denied.is_empty() {
        true => Ok(()),
        false => Err(Rejected::DeniedChanges(denied)),
    }
}

fn one(principal: &Principal, change: &Change) -> Result<(), Denied> {
    let family = match change {
        Change::Delete { family, .. } => family,
        // It carries the prefix with it, and touches nothing else.
        Change::DeleteMatching { .. } => return Ok(()),
        Change::Create { target }
        | Change::Set { target, .. }
        | Change::Add { target, .. }
        | Change::Observe { target, .. }
        | Change::Merge { target, .. } => &target.family,
    };
    principal.may(Scope::Write, family.as_str())
}
