//! What the hub is told of a metric when it makes it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use nexus_metric::Buckets;

/// What the hub is told of a metric when it makes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Description {
    pub(crate) help: String,
    pub(crate) unit: String,
}

/// What is known of metrics by their names.
#[derive(Debug)]
pub(crate) struct Families {
    /// As many as there may be series.
    descriptions: RwLock<HashMap<String, Arc<Description>>>,
    descriptions_max: usize,
    bounds: Bounds,
}

/// Which buckets a histogram has.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) by_name: HashMap<String, Buckets>,
    pub(crate) by_prefix: Vec<(String, Buckets)>,
    pub(crate) others: Buckets,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            by_name: HashMap::new(),
            by_prefix: Vec::new(),
            others: Buckets::prometheus_default(),
        }
    }
}

impl Bounds {
    /// Those of the name, else of the longest prefix, else the default.
    pub(crate) fn of(&self, name: &str) -> &Buckets {
        let prefixed = || {
            let fitting = self.by_prefix.iter().filter(|(prefix, _)| name.starts_with(prefix));
            fitting
                .max_by_key(|(prefix, _)| prefix.len())
                .map(|(_, buckets)| buckets)
        };
        self.by_name.get(name).or_else(prefixed).unwrap_or(&self.others)
    }
}

impl Families {
    pub(crate) fn new(bounds: Bounds, descriptions_max: usize) -> Self {
        Families {
            descriptions: RwLock::default(),
            descriptions_max,
            bounds,
        }
    }

    pub(crate) fn buckets(&self, name: &str) -> &Buckets {
        self.bounds.of(name)
    }

    /// The last description of a name counts.
    pub(crate) fn describe(&self, name: &str, description: Description) {
        let mut descriptions = self.descriptions.write().unwrap_or_else(PoisonError::into_inner);
        if descriptions.len() < self.descriptions_max || descriptions.contains_key(name) {
            descriptions.insert(name.to_owned(), Arc::new(description));
        }
    }

    pub(crate) fn description(&self, name: &str) -> Option<Arc<Description>> {
        let descriptions = self.descriptions.read().unwrap_or_else(PoisonError::into_inner);
        descriptions.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_then_the_longest_prefix_says_the_buckets() {
        let buckets = |bound: f64| Buckets::new(&[bound]).unwrap();
        let bounds = Bounds {
            by_name: [("http_seconds".to_owned(), buckets(1.0))].into(),
            by_prefix: vec![
                ("http_".to_owned(), buckets(2.0)),
                ("http_in_".to_owned(), buckets(3.0)),
            ],
            others: buckets(4.0),
        };
        let check = |name: &str, expected: f64| assert_eq!(bounds.of(name).bounds(), [expected], "{name}");
        check("http_seconds", 1.0);
        check("http_bytes", 2.0);
        check("http_in_seconds", 3.0);
        check("jobs_seconds", 4.0);
        assert_eq!(Bounds::default().of("x"), &Buckets::prometheus_default());
    }

    #[test]
    fn the_last_description_counts_and_their_number_is_limited() {
        let families = Families::new(Bounds::default(), 1);
        let help = |help: &str| Description {
            help: help.to_owned(),
            ..Description::default()
        };
        for (name, text) in [("a", "first"), ("b", "one too many"), ("a", "last")] {
            families.describe(name, help(text));
        }
        assert_eq!(families.description("a").as_deref(), Some(&help("last")));
        assert_eq!(families.description("b"), None);
    }
}
