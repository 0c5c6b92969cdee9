//! A fixed number of series of one family, side by side.

use std::sync::{
    RwLock, RwLockReadGuard,
    atomic::{AtomicU64, Ordering},
};

use super::{
    cell::{HistogramCell, NumberCell},
    locks::{read, write},
    owners::OwnerId,
};

/// A fixed number of series of one family, side by side.
///
/// What never changes in a series (its labels as exposed, owner, creation time) stands under a lock that the writer takes
/// only when series come and go; values stand beside it and change without a lock.
#[derive(Debug)]
pub(crate) struct Slab {
    fixed: RwLock<Fixed>,
    pub(crate) cells: Cells,
    /// How often anything in it changed.
    version: AtomicU64,
}

/// The values of a slab's series, of the kind that its family needs.
#[derive(Debug)]
pub(crate) enum Cells {
    Numbers(Box<[NumberCell]>),
    Histograms(Box<[HistogramCell]>),
}

/// What never changes in the series of a slab.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    /// The label texts, one after the other, and those of series that are gone.
    text: String,
    /// Bytes in `text` that belong to series that are gone.
    garbage: usize,
    entries: Vec<Option<Entry>>,
}

/// What never changes in one series, beside its labels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    start: u32,
    length: u32,
    pub(crate) owner: OwnerId,
    /// Milliseconds since 1970.
    pub(crate) created_ms: u64,
}

/// However long the first text of a slab is, the others may be short.
const TEXT_BYTES_EXPECTED_MAX: usize = 256;
/// Garbage below this is not worth a move.
const GARBAGE_BYTES_MIN: usize = 4096;

impl Slab {
    pub(crate) fn numbers(capacity: usize) -> Self {
        Slab {
            fixed: RwLock::default(),
            cells: Cells::Numbers(std::iter::repeat_with(NumberCell::default).take(capacity).collect()),
            version: AtomicU64::new(0),
        }
    }

    pub(crate) fn histograms(capacity: usize) -> Self {
        Slab {
            fixed: RwLock::default(),
            cells: Cells::Histograms(std::iter::repeat_with(HistogramCell::default).take(capacity).collect()),
            version: AtomicU64::new(0),
        }
    }

    /// The fixed parts of all series, held still while `read` runs.
    pub(crate) fn with_read<T>(&self, read: impl FnOnce(&Fixed) -> T) -> T {
        read(&self.hold())
    }

    /// The same as long as the guard is there.
    pub(super) fn hold(&self) -> RwLockReadGuard<'_, Fixed> {
        read(&self.fixed)
    }

    /// How often anything in it changed.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Makes a change known. Only the writer may call this, and only behind the change: a reader that sees the version sees
    /// the change too.
    pub(crate) fn changed(&self) {
        let next = self.version.load(Ordering::Relaxed).wrapping_add(1);
        self.version.store(next, Ordering::Release);
    }

    /// Puts a series at a place that is free. Its cell must have been reset before: from here on readers see it.
    pub(crate) fn occupy(&self, offset: usize, labels: &str, owner: OwnerId, created_ms: u64) {
        let mut fixed = write(&self.fixed);
        if fixed.entries.is_empty() {
            fixed.expect(self.cells.len(), labels.len());
        }
        fixed.insert(offset, labels, owner, created_ms);
        if fixed.entries.len() == self.cells.len() {
            fixed.text.shrink_to_fit();
        }
    }

    /// Removes the series at a place; gives what was there.
    pub(crate) fn vacate(&self, offset: usize) -> Option<Entry> {
        write(&self.fixed).remove(offset)
    }
}

impl Cells {
    pub(crate) fn len(&self) -> usize {
        match self {
            Cells::Numbers(cells) => cells.len(),
            Cells::Histograms(cells) => cells.len(),
        }
    }
}

impl Fixed {
    /// The series that are there: place, what never changes, labels as text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Entry, &str)> {
        self.entries.iter().enumerate().filter_map(|(offset, entry)| {
            let entry = entry.as_ref()?;
            Some((offset, entry, self.labels(entry)))
        })
    }

    pub(crate) fn get(&self, offset: usize) -> Option<(&Entry, &str)> {
        let entry = self.entries.get(offset)?.as_ref()?;
        Some((entry, self.labels(entry)))
    }

    fn labels(&self, entry: &Entry) -> &str {
        let start = entry.start as usize;
        self.text.get(start..start + entry.length as usize).unwrap_or_default()
    }

    /// Makes room for so many series with texts about as long as this, so that nothing is copied while they come. Memory
    /// that is not written to costs nothing.
    fn expect(&mut self, series: usize, text_bytes: usize) {
        self.entries.reserve_exact(series);
        self.text
            .reserve_exact(series * text_bytes.min(TEXT_BYTES_EXPECTED_MAX));
    }

    fn insert(&mut self, offset: usize, labels: &str, owner: OwnerId, created_ms: u64) {
        self.collect_garbage();
        if offset >= self.entries.len() {
            self.entries.resize(offset + 1, None);
        }
        // A slab has at most 1024 series and a label text is bounded by the limits on labels, far below 4 GiB in all.
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(labels.len()).unwrap_or(0);
        self.text.push_str(labels);
        if let Some(entry) = self.entries.get_mut(offset) {
            *entry = Some(Entry {
                start,
                length,
                owner,
                created_ms,
            });
        }
    }

    fn remove(&mut self, offset: usize) -> Option<Entry> {
        let entry = self.entries.get_mut(offset)?.take()?;
        self.garbage += entry.length as usize;
        Some(entry)
    }

    fn collect_garbage(&mut self) {
        if self.garbage < GARBAGE_BYTES_MIN || self.garbage * 2 < self.text.len() {
            return;
        }
        let mut text = String::with_capacity(self.text.len() - self.garbage);
        for entry in self.entries.iter_mut().flatten() {
            let start = entry.start as usize;
            let labels = self.text.get(start..start + entry.length as usize).unwrap_or_default();
            entry.start = u32::try_from(text.len()).unwrap_or(u32::MAX);
            text.push_str(labels);
        }
        self.text = text;
        self.garbage = 0;
    }
}

/// How many series the slabs of a family hold: few at first, so that a family of one series costs little.
const CAPACITIES: [usize; 5] = [1, 7, 56, 448, 512];
/// The capacity of every slab beyond those.
const CAPACITY: usize = 1024;

/// The capacity of a family's slab by its number.
pub(crate) fn capacity(slab: usize) -> usize {
    CAPACITIES.get(slab).copied().unwrap_or(CAPACITY)
}

/// The slab and the place in it that a slot number stands for.
pub(crate) fn locate(slot: u32) -> (usize, usize) {
    // All slabs beyond the first few, without a loop: as many slots as the first few hold are a whole slab's.
    if slot as usize >= CAPACITY {
        let offset = slot as usize - CAPACITY;
        return (CAPACITIES.len() + offset / CAPACITY, offset % CAPACITY);
    }
    let mut offset = slot as usize;
    for (slab, capacity) in CAPACITIES.iter().enumerate() {
        if offset < *capacity {
            return (slab, offset);
        }
        offset -= capacity;
    }
    (CAPACITIES.len() + offset / CAPACITY, offset % CAPACITY)
}

/// The slot number of a place: [`locate`] the other way round.
pub(crate) fn slot(slab: usize, offset: usize) -> u32 {
    let before: usize = match slab.checked_sub(CAPACITIES.len()) {
        Some(full) => (full + 1) * CAPACITY,
        None => CAPACITIES.iter().take(slab).sum(),
    };
    u32::try_from(before + offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_fill_the_slabs_one_after_the_other() {
        let mut expected = (0, 0);
        for number in 0..10_000 {
            assert_eq!(locate(number), expected);
            assert_eq!(slot(expected.0, expected.1), number);
            expected.1 += 1;
            if expected.1 == capacity(expected.0) {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn places_are_used_again_and_their_text_does_not_pile_up() {
        let slab = Slab::numbers(4);
        for round in 0..10_000 {
            slab.occupy(round % 4, &format!("round=\"{round}\""), OwnerId::default(), 0);
            slab.with_read(|fixed| assert_eq!(fixed.get(round % 4).unwrap().1, format!("round=\"{round}\"")));
            slab.vacate(round % 4);
        }
        slab.with_read(|fixed| assert!(fixed.text.len() < 3 * GARBAGE_BYTES_MIN));
        assert!(slab.with_read(|fixed| fixed.iter().next().is_none()));
    }
}
