//! Which families and series a reader asked for, and may see.

use std::sync::Arc;

use nexus_metric::{Family, Kind, Labels};

use crate::selector::Selector;

/// What is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// All of these must begin a family's name: what the key may see, and what was asked for.
    pub(crate) prefixes: Vec<Box<str>>,
    /// A series must match one of these, if there are any.
    pub(crate) selectors: Vec<Arc<Selector>>,
}

/// How much of a family is shown. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    Nothing,
    Everything,
    /// The series that one of these matches.
    Some(Arc<[Arc<Selector>]>),
}

impl Filter {
    /// What begins the name of every family that is shown.
    pub(super) fn prefix(&self) -> &str {
        self.prefixes
            .iter()
            .max_by_key(|prefix| prefix.len())
            .map_or("", |prefix| prefix)
    }

    pub(crate) fn shown(&self, family: &Family) -> Shown {
        self.shown_names(family.name.as_str(), family.kind)
    }

    /// A selector may name the family, or any of the samples that it is exposed as.
    pub(crate) fn shown_names(&self, name: &str, kind: Kind) -> Shown {
        if !self.prefixes.iter().all(|prefix| name.starts_with(&**prefix)) {
            return Shown::Nothing;
        }
        if self.selectors.is_empty() {
            return Shown::Everything;
        }
        let samples: Vec<String> = match kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"]
                .map(|suffix| format!("{name}{suffix}"))
                .into(),
            _ => Vec::new(),
        };
        Shown::by(&self.selectors, |selector| {
            selector.matches_name(name) || samples.iter().any(|sample| selector.matches_name(sample))
        })
    }
}

impl Shown {
    /// What those of the selectors show that name the family.
    pub(super) fn by(selectors: &[Arc<Selector>], names_it: impl Fn(&Selector) -> bool) -> Self {
        let selectors: Arc<[_]> = selectors
            .iter()
            .filter(|selector| names_it(selector))
            .cloned()
            .collect();
        if selectors.is_empty() {
            Shown::Nothing
        } else if selectors.iter().any(|selector| selector.is_name_only()) {
            Shown::Everything
        } else {
            Shown::Some(selectors)
        }
    }

    pub(crate) fn shows(&self, labels: &str) -> bool {
        match self {
            Shown::Nothing => false,
            Shown::Everything => true,
            Shown::Some(selectors) => {
                let pairs: Vec<_> = Labels::pairs_of(labels).collect();
                selectors.iter().any(|selector| selector.matches_labels(&pairs))
            }
        }
    }
}
