//! A family with its series.

use std::{
    hash::BuildHasher,
    ops::Deref,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use nexus_metric::{Family, Kind};

use super::{
    attributes::{AttributeTable, Attributes},
    cell::{Histogram, NumberCell, Stamp},
    locks::{read, write},
    owners::OwnerId,
    slab::{Cells, Entry, Fixed, Slab, capacity, locate},
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
    /// Who made its first series.
    owner: OnceLock<OwnerId>,
    /// What few series have, by their slots.
    pub(crate) attributes: AttributeTable,
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

/// Where a series stands: its slot, which is a place in a slab.
#[derive(Debug, Clone)]
pub(crate) struct Place<S: Deref<Target = Slab> = Arc<Slab>> {
    pub(super) slot: u32,
    pub(super) slab: S,
    pub(super) offset: usize,
}

/// How many series are looked for at once.
const FOUND_TOGETHER: usize = 32;

impl Index {
    fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let is_it = |(h, slot): &(u32, u32)| *h == hash && is_it(*slot);
        self.table.find(spread(hash), is_it).map(|(_, slot)| *slot)
    }

    /// A slot of that hash, which nearly always is the one.
    fn first(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| true)
    }
}

/// Compares label texts. What stands side by side is mostly looked for together: a slab's lock is held from one to the next.
struct Texts<'a> {
    slabs: &'a [Arc<Slab>],
    held: Option<(usize, RwLockReadGuard<'a, Fixed>)>,
}

impl<'a> Texts<'a> {
    fn of(slabs: &'a [Arc<Slab>]) -> Self {
        Texts { slabs, held: None }
    }

    fn is_at(&mut self, slot: u32, labels: &str) -> bool {
        let (number, offset) = locate(slot);
        if self.held.as_ref().is_none_or(|(held, _)| *held != number) {
            // One at a time.
            self.held = None;
            self.held = self.slabs.get(number).map(|slab| (number, slab.hold()));
        }
        let fixed = self.held.as_ref().and_then(|(_, fixed)| fixed.get(offset));
        fixed.is_some_and(|(_, text)| text == labels)
    }
}

/// The series of a family by their slots.
pub(crate) struct Places<'a>(RwLockReadGuard<'a, Vec<Arc<Slab>>>);

impl Places<'_> {
    pub(crate) fn at(&self, slot: u32) -> Option<Place<&Slab>> {
        let (number, offset) = locate(slot);
        let slab = &**self.0.get(number)?;
        Some(Place { slot, slab, offset })
    }
}

impl FamilyData {
    pub(super) fn new(family: Family, defined: Stamp) -> Self {
        FamilyData {
            family,
            defined,
            slabs: RwLock::default(),
            index: RwLock::default(),
            free: Mutex::default(),
            live: AtomicUsize::new(0),
            owner: OnceLock::new(),
            attributes: AttributeTable::default(),
        }
    }

    /// What a series with these labels takes of memory, about: measured, its value and its places in slab and index.
    pub(crate) fn series_bytes(family: &Family, labels: &str) -> u64 {
        const NUMBER_BYTES: usize = 112;
        const COUNT_BYTES: usize = 8;
        let counts = match family.kind {
            Kind::Histogram => family.buckets.bounds().len() + 1,
            _ => 0,
        };
        (NUMBER_BYTES + labels.len() + COUNT_BYTES * counts) as u64
    }

    /// Who made its first series; none if it never had one.
    pub(super) fn owner(&self) -> Option<OwnerId> {
        self.owner.get().copied()
    }

    /// Whether this is the owner of its first series.
    pub(super) fn begins_with(&self, owner: OwnerId) -> bool {
        self.owner.set(owner).is_ok()
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// One slab after the other; `None` beyond the last.
    pub(super) fn slab(&self, number: usize) -> Option<Arc<Slab>> {
        read(&self.slabs).get(number).cloned()
    }

    pub(super) fn find(&self, labels: &str) -> Option<Place> {
        let hash = hash(labels);
        let index = read(&self.index);
        let slabs = read(&self.slabs);
        place(&slabs, index.find(hash, |slot| is_at(&slabs, slot, labels))?)
    }

    /// Finds many series, one after the other: each one's slot, or `None` if it is not there. The locks are taken once, and
    /// the processor waits for the memory of many look-ups at once.
    pub(super) fn find_all<'l>(&self, labels: impl Iterator<Item = &'l str>, found: &mut Vec<Option<u32>>) {
        let index = read(&self.index);
        let slabs = read(&self.slabs);
        let mut labels = labels.fuse();
        let mut texts = Texts::of(&slabs);
        let mut some = [("", 0, None); FOUND_TOGETHER];
        loop {
            let mut count = 0;
            for (place, labels) in some.iter_mut().zip(labels.by_ref()) {
                *place = (labels, hash(labels), None);
                count += 1;
            }
            let some = some.get_mut(..count).unwrap_or_default();
            if some.is_empty() {
                return;
            }
            // Each of these waits for memory, and none for another.
            for (_, hash, slot) in &mut *some {
                *slot = index.first(*hash);
            }
            found.extend(some.iter().map(|(labels, hash, slot)| match slot {
                Some(slot) if texts.is_at(*slot, labels) => Some(*slot),
                Some(_) => index.find(*hash, |slot| texts.is_at(slot, labels)),
                None => None,
            }));
        }
    }

    /// The series' places, by slots that were found. Only the writer may call this, and must let go before it makes series.
    pub(super) fn places(&self) -> Places<'_> {
        Places(read(&self.slabs))
    }

    /// Gives a series that was just made what it had in an earlier life.
    pub(crate) fn restore_attributes(&self, place: &Place, attributes: Attributes) {
        self.attributes.set(place.slot, attributes);
    }

    /// Makes a series; its value is `value`. The caller has seen that there is none with these labels.
    pub(super) fn insert(&self, labels: &str, owner: OwnerId, created_ms: u64, value: Value) -> Place {
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
        slab.changed();
        let hash = hash(labels);
        write(&self.index)
            .table
            .insert_unique(spread(hash), (hash, slot), |(hash, _)| spread(*hash));
        self.live.fetch_add(1, Ordering::Relaxed);
        Place { slot, slab, offset }
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
        let Place { slab, offset, .. } = place(&read(&self.slabs), slot)?;
        let entry = slab.vacate(offset);
        slab.changed();
        self.attributes.remove(slot);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
        self.live.fetch_sub(1, Ordering::Relaxed);
        entry
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

/// What the writer asks of a series, and does to it. It alone makes and removes series, so the place is still the series'.
impl<S: Deref<Target = Slab>> Place<S> {
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// The sequence of its last change.
    pub(crate) fn sequence(&self) -> u64 {
        match &self.slab.cells {
            Cells::Numbers(cells) => cells.get(self.offset).map_or(0, NumberCell::sequence),
            Cells::Histograms(cells) => cells
                .get(self.offset)
                .map_or(0, |cell| cell.with(|histogram| histogram.stamp.sequence)),
        }
    }

    /// Of a histogram's buckets; 0 for every other series.
    pub(crate) fn largest_count(&self) -> u64 {
        match &self.slab.cells {
            Cells::Numbers(_) => 0,
            Cells::Histograms(cells) => cells.get(self.offset).map_or(0, |cell| {
                cell.with(|histogram| histogram.counts.iter().copied().max().unwrap_or(0))
            }),
        }
    }

    pub(crate) fn number(&self) -> f64 {
        match &self.slab.cells {
            Cells::Numbers(cells) => cells.get(self.offset).map_or(0.0, NumberCell::value),
            Cells::Histograms(_) => 0.0,
        }
    }

    pub(crate) fn put_number(&self, value: f64, stamp: Stamp) {
        if let Cells::Numbers(cells) = &self.slab.cells
            && let Some(cell) = cells.get(self.offset)
        {
            cell.put(value, stamp);
            self.slab.changed();
        }
    }

    /// Makes the change its last one, whatever the value.
    pub(crate) fn touch(&self, stamp: Stamp) {
        match &self.slab.cells {
            Cells::Numbers(_) => self.put_number(self.number(), stamp),
            Cells::Histograms(_) => self.change_histogram(|histogram| histogram.stamp = stamp),
        }
    }

    pub(crate) fn change_histogram(&self, change: impl FnOnce(&mut Histogram)) {
        if let Cells::Histograms(cells) = &self.slab.cells
            && let Some(cell) = cells.get(self.offset)
        {
            cell.with(change);
            self.slab.changed();
        }
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

fn place(slabs: &[Arc<Slab>], slot: u32) -> Option<Place> {
    let (number, offset) = locate(slot);
    let slab = slabs.get(number)?.clone();
    Some(Place { slot, slab, offset })
}

fn is_at(slabs: &[Arc<Slab>], slot: u32, labels: &str) -> bool {
    let (number, offset) = locate(slot);
    slabs
        .get(number)
        .is_some_and(|slab| slab.with_read(|fixed| fixed.get(offset).is_some_and(|(_, text)| text == labels)))
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
