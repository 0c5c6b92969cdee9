//! One series: its name, labels and cell.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use nexus_metric::{Buckets, Kind, Labels, Name};

use super::{
    cell::{Cell, CounterCell, GaugeCell, HistogramCell},
    delta::Delta,
};

/// Which series: a name and labels, in the order in which they were first given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) kind: Kind,
    pub(crate) name: Box<str>,
    /// None of the values is empty.
    pub(crate) labels: Box<[(Box<str>, Box<str>)]>,
}

/// A series of one kind: what handles count into.
#[derive(Debug)]
pub(crate) struct Series<C> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) cell: C,
}

/// What all kinds of series have.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) id: u64,
    pub(crate) identity: Identity,
    /// A histogram's buckets, so that the hub never adds to others.
    pub(crate) buckets: Option<Buckets>,
    /// Why the hub is not asked about it: what is counted here is refused without.
    pub(crate) fault: Option<String>,
    /// Whether it was taken before.
    known: AtomicBool,
}

/// A series of whichever kind, as the registry keeps it.
#[derive(Debug, Clone)]
pub(crate) enum AnySeries {
    Counter(Arc<Series<CounterCell>>),
    Gauge(Arc<Series<GaugeCell>>),
    Histogram(Arc<Series<HistogramCell>>),
}

/// What was taken from one series.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) delta: Option<Delta>,
    /// How many values could not be counted.
    pub(crate) invalid: u64,
}

impl Identity {
    /// What is wrong with it, as far as it can be known here.
    pub(crate) fn fault(&self) -> Option<String> {
        if let Err(error) = Name::new(&self.name) {
            return Some(error.to_string());
        }
        let pairs = self.labels.iter().map(|(name, value)| (name, value));
        Labels::from_pairs(pairs).err().map(|error| error.to_string())
    }
}

impl Shared {
    pub(crate) fn new(id: u64, identity: Identity, buckets: Option<Buckets>, fault: Option<String>) -> Arc<Self> {
        Arc::new(Shared {
            id,
            fault: fault.or_else(|| identity.fault()),
            identity,
            buckets,
            known: AtomicBool::new(false),
        })
    }
}

impl<C: Cell> Series<C> {
    /// What was counted since the last time. The first time there is something even if nothing was counted, so that the hub
    /// has the series, at zero, before anything happens.
    fn take(&self) -> Taken<'_> {
        let new = !self.shared.known.swap(true, Ordering::Relaxed) && self.shared.fault.is_none();
        Taken {
            shared: &self.shared,
            delta: self.cell.take().or(new.then_some(Delta::Create)),
            invalid: self.cell.take_invalid(),
        }
    }
}

impl AnySeries {
    pub(crate) fn take(&self) -> Taken<'_> {
        match self {
            AnySeries::Counter(series) => series.take(),
            AnySeries::Gauge(series) => series.take(),
            AnySeries::Histogram(series) => series.take(),
        }
    }
}
