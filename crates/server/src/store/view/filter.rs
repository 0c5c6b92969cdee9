//! Which families and series a reader asked for, and may see.

use std::sync::Arc;

use nexus_metric::{Family, Kind, Labels};

use crate::selector::Selector;

/// What is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// What the key may see: one of these begins a family's name, if there are any.
    pub(crate) covered: Vec<Box<str>>,
    /// What was asked for: likewise.
    pub(crate) asked: Vec<Box<str>>,
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
        let (covered, asked) = (common(&self.covered), common(&self.asked));
        if asked.len() > covered.len() { asked } else { covered }
    }

    pub(crate) fn shown(&self, family: &Family) -> Shown {
        self.shown_names(family.name.as_str(), family.kind)
    }

    /// A selector may name the family, or any of the samples that it is exposed as.
    pub(crate) fn shown_names(&self, name: &str, kind: Kind) -> Shown {
        if !begins(&self.covered, name) || !begins(&self.asked, name) {
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

/// Whether one of these begins a name, or there are none.
pub(super) fn begins(prefixes: &[Box<str>], name: &str) -> bool {
    prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(&**prefix))
}

/// What all of these begin with.
pub(super) fn common(prefixes: &[Box<str>]) -> &str {
    let Some((first, rest)) = prefixes.split_first() else {
        return "";
    };
    let same = |one: &str, other: &str| {
        let pairs = one.char_indices().zip(other.chars());
        let end = pairs
            .map_while(|((at, a), b)| (a == b).then_some(at + a.len_utf8()))
            .last();
        end.unwrap_or_default()
    };
    let end = rest.iter().map(|other| same(first, other)).min();
    end.and_then(|end| first.get(..end)).unwrap_or(first)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_have_a_common_beginning() {
        let check = |prefixes: &[&str], expected: &str| {
            let prefixes: Vec<Box<str>> = prefixes.iter().map(|prefix| (*prefix).into()).collect();
            assert_eq!(common(&prefixes), expected, "{prefixes:?}");
        };
        check(&[], "");
        check(&["mail_"], "mail_");
        check(&["mail_", "web_"], "");
        check(&["mail_a", "mail_b", "mail_"], "mail_");
        check(&["é", "è"], "");
        check(&["a", ""], "");
    }
}
