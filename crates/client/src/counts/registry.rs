//! All series that a program counts, by name and labels.

use std::{
    hash::BuildHasher,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use nexus_metric::Kind;

use super::{
    cell::Cell,
    families::Families,
    series::{AnySeries, Identity, Series, Shared, Taken},
};

/// All series of a [`Counts`](super::Counts), by what they are.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) families: Families,
    table: RwLock<Table>,
    hasher: RandomState,
    series_max: usize,
    next_id: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    series: HashTable<(u64, AnySeries)>,
    /// Where all is counted that has no place, one for each kind.
    overflow: Vec<AnySeries>,
}

/// Labels as they are given: iterated more than once, so that finding a series needs no memory.
pub(crate) trait Given<'a>: Iterator<Item = (&'a str, &'a str)> + Clone {}
impl<'a, I: Iterator<Item = (&'a str, &'a str)> + Clone> Given<'a> for I {}

impl Registry {
    pub(crate) fn new(families: Families, series_max: usize) -> Self {
        Registry {
            families,
            table: RwLock::default(),
            hasher: RandomState::default(),
            series_max,
            next_id: AtomicU64::new(0),
        }
    }

    /// Finds a series, or makes it.
    pub(crate) fn series<'a, C: Cell>(&self, name: &str, labels: impl Given<'a>) -> Arc<Series<C>> {
        // As for the hub: an empty label is no label.
        let labels = labels.filter(|(_, value)| !value.is_empty());
        let hash = self.hash(C::KIND, name, labels.clone());
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = table.find(hash, name, &labels) {
            return series;
        }
        drop(table);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = table.find(hash, name, &labels) {
            return series;
        }
        if table.series.len() >= self.series_max {
            return self.overflow(&mut table, name, labels);
        }
        let series = Arc::new(self.make::<C>(name, labels, None));
        table
            .series
            .insert_unique(hash, (hash, C::any(series.clone())), |(hash, _)| *hash);
        series
    }

    /// The same for any order of the labels.
    fn hash<'a>(&self, kind: Kind, name: &str, labels: impl Given<'a>) -> u64 {
        labels.fold(self.hasher.hash_one((kind.as_str(), name)), |hash, label| {
            hash.wrapping_add(self.hasher.hash_one(label))
        })
    }

    fn make<'a, C: Cell>(&self, name: &str, labels: impl Given<'a>, fault: Option<String>) -> Series<C> {
        let identity = Identity {
            kind: C::KIND,
            name: name.into(),
            labels: labels.map(|(name, value)| (name.into(), value.into())).collect(),
        };
        let cell = C::new(&self.families, name);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let shared = Shared::new(id, identity, cell.buckets().cloned(), fault);
        Series { shared, cell }
    }

    fn overflow<'a, C: Cell>(&self, table: &mut Table, name: &str, labels: impl Given<'a>) -> Arc<Series<C>> {
        if let Some(series) = table.overflow.iter().find_map(C::of) {
            return series.clone();
        }
        let fault = format!(
            "more than {} series (series_max): this one and all after it have no place",
            self.series_max
        );
        let series = Arc::new(self.make::<C>(name, labels, Some(fault)));
        table.overflow.push(C::any(series.clone()));
        series
    }

    /// Takes what was counted in all series. Counting goes on meanwhile; new series wait.
    pub(crate) fn take(&self, mut each: impl FnMut(Taken<'_>)) {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let series = table.series.iter().map(|(_, series)| series);
        for series in series.chain(&table.overflow) {
            each(series.take());
        }
    }
}

impl Table {
    fn find<'a, C: Cell>(&self, hash: u64, name: &str, labels: &impl Given<'a>) -> Option<Arc<Series<C>>> {
        let is_it = |series: &Arc<Series<C>>| series.shared.identity.is(name, labels);
        let found = self.series.find(hash, |(_, any)| C::of(any).is_some_and(is_it));
        found.and_then(|(_, any)| C::of(any)).cloned()
    }
}

impl Identity {
    fn is<'a>(&self, name: &str, labels: &impl Given<'a>) -> bool {
        let is_given =
            |own: &(Box<str>, Box<str>)| labels.clone().any(|(name, value)| (name, value) == (&own.0, &own.1));
        *self.name == *name && self.labels.len() == labels.clone().count() && self.labels.iter().all(is_given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{
        cell::{CounterCell, GaugeCell, HistogramCell},
        families::Bounds,
    };

    fn registry(series_max: usize) -> Registry {
        Registry::new(Families::new(Bounds::default(), series_max), series_max)
    }

    #[test]
    fn a_series_is_found_by_kind_name_and_labels_in_any_order() {
        let registry = registry(100);
        let id = |name: &str, labels: &[(&str, &str)]| {
            let series = registry.series::<CounterCell>(name, labels.iter().copied());
            series.shared.id
        };
        let first = id("a", &[("x", "1"), ("y", "2")]);
        assert_eq!(id("a", &[("y", "2"), ("x", "1")]), first);
        assert_eq!(id("a", &[("y", "2"), ("z", ""), ("x", "1")]), first);
        let others = [
            id("a", &[]),
            id("a", &[("x", "1")]),
            id("a", &[("x", "2"), ("y", "1")]),
            id("a", &[("x", "1"), ("x", "1")]),
            id("b", &[("x", "1"), ("y", "2")]),
            registry
                .series::<GaugeCell>("a", [("x", "1"), ("y", "2")].into_iter())
                .shared
                .id,
        ];
        assert_eq!(others, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_has_no_place_is_counted_together_and_refused() {
        let registry = registry(1);
        let _ = registry.series::<CounterCell>("a", std::iter::empty());
        for name in ["b", "c", "d"] {
            registry.series::<CounterCell>(name, std::iter::empty()).cell.add(1.0);
            registry.series::<HistogramCell>(name, std::iter::empty());
        }
        let mut taken = Vec::new();
        registry.take(|one| {
            let shared = one.shared;
            taken.push(format!("{} {:?} {:?}", shared.identity.name, one.delta, shared.fault));
        });
        let fault = "Some(\"more than 1 series (series_max): this one and all after it have no place\")";
        let expected = [
            "a Some(Create) None".to_owned(),
            format!("b Some(Add(3.0)) {fault}"),
            format!("b None {fault}"),
        ];
        assert_eq!(taken, expected);
    }

    #[test]
    fn what_cannot_be_has_a_fault() {
        let registry = registry(10);
        let check = |name: &str, labels: &[(&str, &str)], expected: Option<&str>| {
            let series = registry.series::<CounterCell>(name, labels.iter().copied());
            assert_eq!(series.shared.fault.as_deref(), expected);
        };
        check("a", &[("b", "c")], None);
        check("", &[], Some("a metric name must not be empty"));
        check(
            "a",
            &[("b", "1"), ("b", "2")],
            Some("label \"b\" is given more than once"),
        );
    }
}
