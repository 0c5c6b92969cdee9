use nexus_metric::{Kind, Labels};

use crate::{selector::Selector, state::FamilyData};

/// What a scrape shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// All of these must begin a family's name: what the key may see, and what was asked for.
    pub(crate) prefixes: Vec<Box<str>>,
    /// A series must match one of these, if there are any.
    pub(crate) selectors: Vec<Selector>,
}

/// How much of a family is shown.
#[derive(Debug, Clone)]
pub(crate) enum Shown<'a> {
    Nothing,
    Everything,
    /// The series that one of these matches.
    Some(Vec<&'a Selector>),
}

impl Filter {
    pub(crate) fn shows_name(&self, name: &str) -> bool {
        self.prefixes.iter().all(|prefix| name.starts_with(&**prefix))
    }

    pub(crate) fn shown(&self, family: &FamilyData) -> Shown<'_> {
        self.shown_names(family.family.name.as_str(), family.family.kind)
    }

    /// A selector may name the family, or any of the samples that it is exposed as.
    pub(crate) fn shown_names(&self, name: &str, kind: Kind) -> Shown<'_> {
        if !self.shows_name(name) {
            return Shown::Nothing;
        }
        if self.selectors.is_empty() {
            return Shown::Everything;
        }
        let suffixes: &[&str] = match kind {
            Kind::Histogram => &["_bucket", "_sum", "_count"],
            _ => &[],
        };
        let names_it = |selector: &&Selector| {
            selector.matches_name(name)
                || suffixes
                    .iter()
                    .any(|suffix| selector.matches_name(&format!("{name}{suffix}")))
        };
        let selectors: Vec<&Selector> = self.selectors.iter().filter(names_it).collect();
        if selectors.is_empty() {
            Shown::Nothing
        } else if selectors.iter().any(|selector| selector.is_name_only()) {
            Shown::Everything
        } else {
            Shown::Some(selectors)
        }
    }
}

impl Shown<'_> {
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
