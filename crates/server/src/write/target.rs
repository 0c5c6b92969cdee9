//! Which series a change is about, and what it is to be.

use std::{borrow::Cow, num::NonZeroU64, sync::Arc};

use nexus_metric::{Buckets, Family, Kind, Name};

use super::{FamilyName, GroupKey, LabelText, codec};

/// The series that a change is about, and what its family is if it must be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target<'a> {
    /// The family's name.
    pub(crate) family: FamilyName<'a>,
    /// The series' labels.
    pub(crate) labels: LabelText<'a>,
    /// Makes the family if it is missing; must not contradict it if it is there.
    pub(crate) define: Define<'a>,
    /// The group that the series belongs to from now on; none leaves it in the one that it is in, if any.
    pub(crate) group: Option<GroupKey>,
    /// When the series expires from now on; none leaves that as it is.
    pub(crate) expires: Option<Expires>,
}

/// What a family is to be, read only if it must be made.
#[derive(Debug, Clone)]
pub(crate) enum Define<'a> {
    /// Nothing is said.
    Nothing,
    /// By a change on its way.
    Given(Arc<Definition>),
    /// As it stands in the journal, from its flags on; was read once, so it can be read again.
    Recorded(&'a [u8]),
}

/// What a family is to be. What is `None` is taken as it is if the family exists.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Definition {
    /// Its kind; a gauge if nothing is said.
    pub(crate) kind: Option<Kind>,
    /// Its help text.
    pub(crate) help: Box<str>,
    /// Its unit.
    pub(crate) unit: Box<str>,
    /// A histogram's bounds; Prometheus' defaults if nothing is said.
    pub(crate) buckets: Option<Buckets>,
}

/// How long after its last change a series expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expires(NonZeroU64);

impl<'a> Target<'a> {
    /// A series that must be there, or of a family that is.
    pub(crate) fn new(family: impl Into<FamilyName<'a>>, labels: impl Into<LabelText<'a>>) -> Self {
        Target {
            family: family.into(),
            labels: labels.into(),
            define: Define::Nothing,
            group: None,
            expires: None,
        }
    }

    /// The same, whose family is made if it is missing, if there is a definition.
    #[must_use]
    pub(crate) fn defining(self, definition: Option<Arc<Definition>>) -> Self {
        Target {
            define: definition.map_or(Define::Nothing, Define::Given),
            ..self
        }
    }

    /// Whether the change says anything of the group or the expiry: it is the series' last change then, whatever the value.
    pub(crate) fn has_attributes(&self) -> bool {
        self.group.is_some() || self.expires.is_some()
    }
}

impl Define<'_> {
    /// The definition, if there is one.
    pub(crate) fn definition(&self) -> Option<Cow<'_, Definition>> {
        match self {
            Define::Nothing => None,
            Define::Given(definition) => Some(Cow::Borrowed(definition)),
            Define::Recorded(bytes) => codec::definition(bytes).ok().map(Cow::Owned),
        }
    }
}

impl PartialEq for Define<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.definition() == other.definition()
    }
}

impl Definition {
    /// A definition that says only the kind.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn of(kind: Kind) -> Self {
        Definition {
            kind: Some(kind),
            ..Definition::default()
        }
    }

    /// The family that comes into being if there is none of that name.
    #[must_use]
    pub(crate) fn family(&self, name: Name) -> Family {
        let kind = self.kind.unwrap_or(Kind::Gauge);
        let buckets = match kind {
            Kind::Histogram => self.buckets.clone().unwrap_or_else(Buckets::prometheus_default),
            _ => Buckets::default(),
        };
        Family {
            name,
            kind,
            help: self.help.clone(),
            unit: self.unit.clone(),
            buckets,
        }
    }
}

impl Expires {
    /// Not at all.
    pub(crate) const NEVER: Expires = Expires(NonZeroU64::MAX);

    /// So many milliseconds after the last change; zero stands for never, as in the journal.
    pub(crate) fn after_ms(ms: u64) -> Self {
        NonZeroU64::new(ms).map_or(Expires::NEVER, Expires)
    }

    /// The milliseconds after the last change; none if never.
    pub(crate) fn ms(self) -> Option<u64> {
        (self != Expires::NEVER).then_some(self.0.get())
    }
}
