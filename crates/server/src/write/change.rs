//! One change of the state, in one spelling for the parser, the journal's record and replay.

use std::borrow::Cow;

use super::{FamilyName, LabelText, Op, Target};
use crate::selector::Selector;

/// One change of the state. Its texts are its own, or borrowed from a journal record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change<'a> {
    /// Of one series, which comes into being if it is missing.
    Series(Target<'a>, Op),
    /// Remove a whole family (`labels: None`) or exactly one series.
    Delete {
        /// The family's name.
        family: FamilyName<'a>,
        /// The series' labels.
        labels: Option<LabelText<'a>>,
    },
    /// Remove every series that a selector matches, of families whose names have the prefix. A selector that looks at
    /// names only removes families whole; otherwise they stay, even without a series.
    DeleteMatching {
        /// Which series.
        selector: Selector,
        /// What the API key may touch; empty for everything.
        prefix: Cow<'a, str>,
    },
    /// Remove a series unless it changed since; does nothing if it did, or is gone.
    Expire {
        /// The family's name.
        family: FamilyName<'a>,
        /// The series' labels.
        labels: LabelText<'a>,
        /// The sequence that the series' last change must still have.
        sequence: u64,
    },
}

impl<'a> Change<'a> {
    /// The series that the change gives a value; none for what only removes.
    pub(crate) fn target(&self) -> Option<&Target<'a>> {
        match self {
            Change::Series(target, _) => Some(target),
            Change::Delete { .. } | Change::DeleteMatching { .. } | Change::Expire { .. } => None,
        }
    }

    /// The family that the change is about; none if it finds its families itself, within a prefix that it carries.
    pub(crate) fn family(&self) -> Option<&FamilyName<'a>> {
        match self {
            Change::Series(target, _) => Some(&target.family),
            Change::Delete { family, .. } | Change::Expire { family, .. } => Some(family),
            Change::DeleteMatching { .. } => None,
        }
    }

    /// The same, to give it the name that it means.
    pub(crate) fn family_mut(&mut self) -> Option<&mut FamilyName<'a>> {
        match self {
            Change::Series(target, _) => Some(&mut target.family),
            Change::Delete { family, .. } | Change::Expire { family, .. } => Some(family),
            Change::DeleteMatching { .. } => None,
        }
    }

    /// Whether both are about series, and those are of one family.
    pub(crate) fn is_of_the_same_family(&self, other: &Self) -> bool {
        match (self.target(), other.target()) {
            (Some(one), Some(other)) => one.family == other.family,
            _ => false,
        }
    }
}
