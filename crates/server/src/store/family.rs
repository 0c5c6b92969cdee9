use std::{
    hash::BuildHasher,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use nexus_metric::{Family, Kind};

use super::{
    cell::{Histogram, NumberCell, Stamp},
    locks::{read, write},
    owners::OwnerId,
    slab::{Cells, Entry, Slab, capacity, locate},
};

/// A family with its series.
///
/// One writer adds, removes and changes series; any number of readers look at them meanwhile.
#[derive(Debug)]
pub(crate) struct FamilyData {
    pub(crate) family: Family,
    /// When it was defined.
    pub(crate) defined: Stamp,
    slabs: RwLock<Vec<Arc<Slab>>>,
    index: RwLock<Index>,
    /// Slots whose series are gone. Only the writer looks at it.
    free: Mutex<Vec<u32>>,
    live: AtomicUsize,
}

/// From labels to slot. The hash stands beside the slot, so that growing does not look at the label texts.
#[derive(Debug, Default)]
struct Index {
    table: HashTable<(u32, u32)>,
    /// The first slot that was never used.
    next: u32,
}

/// The value of one series at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(f64, Stamp),
    Histogram(Histogram),
}

impl Value {
    pub(crate) fn stamp(&self) -> Stamp {
        match self {
            Value::Number(_, stamp) => *stamp,
            Value::Histogram(histogram) => histogram.stamp,
        }
    }
}

/// Where a series stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl FamilyData {
    pub(crate) fn new(family: Family, defined: Stamp) -> Self {
        FamilyData {
            family,
            defined,
            slabs: RwLock::default(),
            index: RwLock::default(),
            free: Mutex::default(),
            live: AtomicUsize::new(0),
        }
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// One slab after the other; `None` beyond the last.
    pub(crate) fn slab(&self, number: usize) -> Option<Arc<Slab>> {
        read(&self.slabs).get(number).cloned()
    }

    pub(crate) fn slabs(&self) -> Vec<Arc<Slab>> {
        read(&self.slabs).clone()
    }

    pub(crate) fn find(&self, labels: &str) -> Option<Slot> {
        let hash = hash(labels);
        let index = read(&self.index);
        let slabs = read(&self.slabs);
        index
            .table
            .find(spread(hash), |(h, slot)| *h == hash && is_at(&slabs, *slot, labels))
            .map(|(_, slot)| Slot(*slot))
    }

    /// The value of the series with these labels.
    pub(crate) fn value(&self, labels: &str) -> Option<Value> {
        let slot = self.find(labels)?;
        // Between finding and reading, the writer may give the slot to another series; the labels tell.
        let (slab, offset) = self.locate(slot)?;
        slab.look(|fixed| {
            fixed.get(offset).filter(|(_, text)| *text == labels)?;
            slab.value(offset)
        })
    }

    /// Makes a series; its value is `value`. The caller has seen that there is none with these labels.
    pub(super) fn insert(&self, labels: &str, owner: OwnerId, created_ms: u64, value: Value) -> Slot {
        let reused = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let slot = reused.unwrap_or_else(|| {
            let mut index = write(&self.index);
            index.next += 1;
            index.next - 1
        });
        let (number, offset) = locate(slot);
        let slab = self.slab_for(number);
        slab.put(offset, value);
        slab.occupy(offset, labels, owner, created_ms);
        let hash = hash(labels);
        write(&self.index)
            .table
            .insert_unique(spread(hash), (hash, slot), |(hash, _)| spread(*hash));
        self.live.fetch_add(1, Ordering::Relaxed);
        Slot(slot)
    }

    /// Removes a series; gives what it was.
    pub(super) fn remove(&self, labels: &str) -> Option<Entry> {
        let hash = hash(labels);
        let slot = {
            let mut index = write(&self.index);
            let slabs = read(&self.slabs);
            let found = index
                .table
                .find_entry(spread(hash), |(h, slot)| *h == hash && is_at(&slabs, *slot, labels));
            found.ok()?.remove().0.1
        };
        let (slab, offset) = self.locate(Slot(slot))?;
        let entry = slab.vacate(offset);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
        self.live.fetch_sub(1, Ordering::Relaxed);
        entry
    }

    /// The sequence of a series' last change.
    pub(super) fn sequence(&self, slot: Slot) -> u64 {
        self.locate(slot).map_or(0, |(slab, offset)| match &slab.cells {
            Cells::Numbers(cells) => cells.get(offset).map_or(0, NumberCell::sequence),
            Cells::Histograms(cells) => cells
                .get(offset)
                .map_or(0, |cell| cell.with(|histogram| histogram.stamp.sequence)),
        })
    }

    pub(super) fn number(&self, slot: Slot) -> f64 {
        self.with_number(slot, NumberCell::value).unwrap_or_default()
    }

    pub(super) fn put_number(&self, slot: Slot, value: f64, stamp: Stamp) {
        self.with_number(slot, |cell| cell.put(value, stamp));
    }

    pub(super) fn change_histogram(&self, slot: Slot, change: impl FnOnce(&mut Histogram)) {
        if let Some((slab, offset)) = self.locate(slot)
            && let Cells::Histograms(cells) = &slab.cells
            && let Some(cell) = cells.get(offset)
        {
            cell.with(change);
        }
    }

    fn with_number<T>(&self, slot: Slot, look: impl FnOnce(&NumberCell) -> T) -> Option<T> {
        let (slab, offset) = self.locate(slot)?;
        match &slab.cells {
            Cells::Numbers(cells) => cells.get(offset).map(look),
            Cells::Histograms(_) => None,
        }
    }

    fn locate(&self, slot: Slot) -> Option<(Arc<Slab>, usize)> {
        let (number, offset) = locate(slot.0);
        Some((self.slab(number)?, offset))
    }

    fn slab_for(&self, number: usize) -> Arc<Slab> {
        if let Some(slab) = self.slab(number) {
            return slab;
        }
        let slab = Arc::new(match self.family.kind {
            Kind::Histogram => Slab::histograms(capacity(number)),
            _ => Slab::numbers(capacity(number)),
        });
        write(&self.slabs).push(slab.clone());
        slab
    }
}

impl Slab {
    /// The value at a place, whether or not a series is there.
    pub(crate) fn value(&self, offset: usize) -> Option<Value> {
        Some(match &self.cells {
            Cells::Numbers(cells) => {
                let (value, stamp) = cells.get(offset)?.get();
                Value::Number(value, stamp)
            }
            Cells::Histograms(cells) => Value::Histogram(cells.get(offset)?.with(|histogram| histogram.clone())),
        })
    }

    fn put(&self, offset: usize, value: Value) {
        match (&self.cells, value) {
            (Cells::Numbers(cells), Value::Number(value, stamp)) => {
                if let Some(cell) = cells.get(offset) {
                    cell.put(value, stamp);
                }
            }
            (Cells::Histograms(cells), Value::Histogram(histogram)) => {
                if let Some(cell) = cells.get(offset) {
                    cell.with(|cell| *cell = histogram);
                }
            }
            (Cells::Numbers(_), Value::Histogram(_)) | (Cells::Histograms(_), Value::Number(..)) => {}
        }
    }
}

fn is_at(slabs: &[Arc<Slab>], slot: u32, labels: &str) -> bool {
    let (number, offset) = locate(slot);
    slabs
        .get(number)
        .is_some_and(|slab| slab.look(|fixed| fixed.get(offset).is_some_and(|(_, text)| text == labels)))
}

/// Clients that write are authenticated, so a fixed seed is enough; 32 bits keep an index entry at eight bytes.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the upper half of the hash is not needed"
)]
fn hash(labels: &str) -> u32 {
    FixedState::default().hash_one(labels) as u32
}

/// The table picks a bucket by the lowest bits and tells entries apart by the highest seven: fill both ends.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
