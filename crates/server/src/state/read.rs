//! What readers see of a family: its series, a block after the other, or one by its labels.

use std::{
    hash::{Hash, Hasher},
    sync::{Arc, Weak},
};

use super::{
    Attributes,
    cell::{Histogram, NumberCell},
    family::{FamilyData, Place, Value},
    owners::OwnerId,
    slab::{Cells, Slab, slot},
};

/// Series of one family that stand side by side: what is read at once. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    slab: Arc<Slab>,
    /// Which of its family's.
    number: usize,
}

/// Tells blocks apart. A block that is gone is never taken for another as long as there is its id.
#[derive(Debug, Clone)]
pub(crate) struct BlockId(Weak<Slab>);

/// One series, which stays where it is while it is looked at; its value may change meanwhile.
#[derive(Debug)]
pub(crate) struct Series<'a> {
    pub(crate) labels: &'a str,
    pub(crate) owner: OwnerId,
    /// Milliseconds since 1970.
    pub(crate) created_ms: u64,
    slot: u32,
    slab: &'a Slab,
    offset: usize,
}

/// The value of a series, without the change that it is from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sample {
    Number(f64),
    Histogram(Histogram),
}

impl FamilyData {
    /// One block after the other; `None` beyond the last.
    pub(crate) fn block(&self, number: usize) -> Option<Block> {
        let slab = self.slab(number)?;
        Some(Block { slab, number })
    }

    /// All blocks, also those that are added meanwhile.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block> {
        (0..).map_while(|number| self.block(number))
    }

    /// Looks at the series with these labels, if it is there.
    pub(crate) fn look_at<T>(&self, labels: &str, look: impl FnOnce(&Series<'_>) -> T) -> Option<T> {
        // Between finding and reading, the writer may give the place to another series; the labels tell.
        let Place { slot, slab, offset } = self.find(labels)?;
        slab.with_read(|fixed| {
            let (entry, text) = fixed.get(offset).filter(|(_, text)| *text == labels)?;
            Some(look(&Series {
                labels: text,
                owner: entry.owner,
                created_ms: entry.created_ms,
                slot,
                slab: &slab,
                offset,
            }))
        })
    }

    pub(crate) fn has(&self, labels: &str) -> bool {
        self.find(labels).is_some()
    }

    /// The group and the expiry of a series, if it has any. Behind its value: what the value's change said of them is there.
    pub(crate) fn attributes_of(&self, series: &Series<'_>) -> Option<Attributes> {
        self.attributes.get(series.slot)
    }

    /// The value of the series with these labels.
    pub(crate) fn value(&self, labels: &str) -> Option<Value> {
        self.look_at(labels, |series| series.value())?
    }
}

impl Block {
    /// How many series it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.slab.cells.len()
    }

    /// How often anything in it changed. What a reader made of the block after it saw a version holds as long as the version
    /// stays: it may be newer than that version, never older.
    pub(crate) fn version(&self) -> u64 {
        self.slab.version()
    }

    pub(crate) fn id(&self) -> BlockId {
        BlockId(Arc::downgrade(&self.slab))
    }

    /// Looks at all series; none of them comes or goes meanwhile.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&Series<'_>)) {
        self.slab.with_read(|fixed| {
            for (offset, entry, labels) in fixed.iter() {
                look(&Series {
                    labels,
                    owner: entry.owner,
                    created_ms: entry.created_ms,
                    slot: slot(self.number, offset),
                    slab: &self.slab,
                    offset,
                });
            }
        });
    }

    /// Whether there is a series whose labels are such.
    pub(crate) fn any(&self, mut is_such: impl FnMut(&str) -> bool) -> bool {
        self.slab
            .with_read(|fixed| fixed.iter().any(|(_, _, labels)| is_such(labels)))
    }
}

impl BlockId {
    pub(crate) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl PartialEq for BlockId {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

impl Eq for BlockId {}

impl Hash for BlockId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ptr().hash(state);
    }
}

impl Series<'_> {
    /// The value, with the change that it is from.
    pub(crate) fn value(&self) -> Option<Value> {
        self.slab.value(self.offset)
    }

    /// The value alone, by one load if it is a number.
    pub(crate) fn sample(&self) -> Option<Sample> {
        Some(match &self.slab.cells {
            Cells::Numbers(cells) => Sample::Number(cells.get(self.offset).map(NumberCell::value)?),
            Cells::Histograms(cells) => Sample::Histogram(cells.get(self.offset)?.with(|histogram| histogram.clone())),
        })
    }
}
