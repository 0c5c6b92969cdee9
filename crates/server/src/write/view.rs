//! A write whose texts are borrowed: from a [`Write`](super::Write) on its way, or from the journal, where nothing has to be
//! allocated to say again what is known already.

#[cfg(any(test, feature = "fuzzing"))]
mod owned;

use std::{borrow::Cow, sync::Arc};

use nexus_metric::Labels;

use super::{Change, Definition, HistogramDelta, Target, codec};
use crate::selector::Selector;

/// One change of the state, as [`Change`] says it.
#[derive(Debug)]
pub(crate) enum ChangeView<'a> {
    /// Of one series, which comes into being if it is missing.
    Series(TargetView<'a>, Amount<'a>),
    /// Remove a whole family, or one series.
    Delete {
        /// The family's name.
        family: &'a str,
        /// The series' labels, in their one form.
        labels: Option<&'a str>,
    },
    /// Remove what a selector matches.
    DeleteMatching {
        /// Which series.
        selector: Cow<'a, Selector>,
        /// What the names begin with.
        prefix: &'a str,
    },
}

/// What happens to the value of a series.
#[derive(Debug)]
pub(crate) enum Amount<'a> {
    /// Nothing: it is only made if it is missing.
    Nothing,
    /// It is this from now on.
    Set(f64),
    /// It becomes so much more.
    Add(f64),
    /// One observation.
    Observe(f64),
    /// Many observations.
    Merge(Cow<'a, HistogramDelta>),
}

/// The series that a change is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetView<'a> {
    /// The family's name.
    pub(crate) family: &'a str,
    /// The series' labels, in their one form.
    pub(crate) labels: &'a str,
    /// Makes the family if it is missing.
    pub(crate) define: DefineView<'a>,
}

/// What a family is to be, read only if it must be made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DefineView<'a> {
    /// Nothing is said.
    Nothing,
    /// Of a write on its way.
    Given(&'a Arc<Definition>),
    /// As it stands in the journal, behind its flags; was read once, so it can be read again.
    Recorded(&'a [u8]),
}

impl DefineView<'_> {
    /// The definition, if there is one.
    pub(crate) fn definition(self) -> Option<Arc<Definition>> {
        match self {
            DefineView::Nothing => None,
            DefineView::Given(definition) => Some(definition.clone()),
            DefineView::Recorded(bytes) => codec::definition(bytes).ok().map(Arc::new),
        }
    }
}

impl Change {
    /// The same, borrowed.
    pub(crate) fn view(&self) -> ChangeView<'_> {
        match self {
            Change::Create { target } => ChangeView::Series(target.view(), Amount::Nothing),
            Change::Set { target, value } => ChangeView::Series(target.view(), Amount::Set(*value)),
            Change::Add { target, delta } => ChangeView::Series(target.view(), Amount::Add(*delta)),
            Change::Observe { target, value } => ChangeView::Series(target.view(), Amount::Observe(*value)),
            Change::Merge { target, delta } => ChangeView::Series(target.view(), Amount::Merge(Cow::Borrowed(delta))),
            Change::Delete { family, labels } => ChangeView::Delete {
                family: family.as_str(),
                labels: labels.as_ref().map(Labels::as_text),
            },
            Change::DeleteMatching { selector, prefix } => ChangeView::DeleteMatching {
                selector: Cow::Borrowed(selector),
                prefix,
            },
        }
    }
}

impl Target {
    fn view(&self) -> TargetView<'_> {
        TargetView {
            family: self.family.as_str(),
            labels: self.labels.as_text(),
            define: self.define.as_ref().map_or(DefineView::Nothing, DefineView::Given),
        }
    }
}

impl<'a> ChangeView<'a> {
    /// The series that the change is about; none for deletions.
    pub(crate) fn target(&self) -> Option<&TargetView<'a>> {
        match self {
            ChangeView::Series(target, _) => Some(target),
            ChangeView::Delete { .. } | ChangeView::DeleteMatching { .. } => None,
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
