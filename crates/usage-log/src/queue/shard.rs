//! A part of the queue, under a lock of its own.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use nexus_calendar::Time;

use crate::{
    amounts::Amounts,
    counts::Dropped,
    record::{Dimensions, Record},
};

/// A record that waits.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) record: Record,
    /// How many of the records that came it stands for: one in the queue, more in a sum that is taken out of it.
    pub(crate) stands_for: u64,
    pub(crate) bytes: usize,
}

impl Queued {
    pub(crate) fn new(record: Record) -> Self {
        let bytes = Self::bytes_of(&record);
        Queued {
            record,
            stands_for: 1,
            bytes,
        }
    }

    /// What a record takes in memory, its texts as if it alone had them.
    pub(crate) fn bytes_of(record: &Record) -> usize {
        size_of::<Self>() + record.dimensions.text_bytes()
    }
}

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Shard {
    state: Mutex<State>,
    /// Changes places with the state's records when all are taken, so that they are moved while others record.
    spare: Mutex<VecDeque<Queued>>,
    /// Rung when there is room.
    pub(super) space: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    records: VecDeque<Queued>,
    bytes: usize,
    sums: HashMap<(i64, Dimensions), (Amounts, u64), foldhash::fast::RandomState>,
    /// How many records the sums stand for.
    summed: u64,
    pub(super) is_closed: bool,
    pub(super) received: u64,
    pub(super) dropped: Dropped,
}

impl Shard {
    /// A thread that panicked left a state that is sound: no step in between can panic.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up to `records_max` records.
    pub(super) fn drain(&self, records_max: usize, into: &mut Vec<Queued>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        if state.len() <= records_max {
            std::mem::swap(&mut state.records, &mut spare);
            state.bytes = 0;
            let room = records_max - spare.len();
            into.reserve(spare.len());
            let sums = state.take_sums(room);
            drop(state);
            into.extend(spare.drain(..));
            into.extend(sums);
        } else {
            state.take_some(records_max, into);
        }
        self.space.notify_all();
    }
}

impl State {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn put(&mut self, queued: Queued) {
        self.bytes += queued.bytes;
        self.records.push_back(queued);
    }

    pub(super) fn take_first(&mut self) -> Option<Queued> {
        let first = self.records.pop_front()?;
        self.bytes -= first.bytes;
        Some(first)
    }

    /// Adds the record to the sum of its second, unless that would be one sum too many.
    pub(super) fn aggregate(&mut self, queued: Queued, sums_max: usize) -> bool {
        let Record {
            ended_at,
            dimensions,
            amounts,
        } = queued.record;
        let place = (ended_at.seconds(), dimensions);
        if self.sums.len() >= sums_max && !self.sums.contains_key(&place) {
            return false;
        }
        let (sum, stands_for) = self.sums.entry(place).or_default();
        *sum += amounts;
        *stands_for += queued.stands_for;
        self.summed += queued.stands_for;
        true
    }

    /// How many records wait, those in sums one by one.
    pub(super) fn waiting(&self) -> u64 {
        self.records.len() as u64 + self.summed
    }

    fn take_some(&mut self, count: usize, into: &mut Vec<Queued>) {
        for queued in self.records.drain(..count) {
            self.bytes -= queued.bytes;
            into.push(queued);
        }
    }

    fn take_sums(&mut self, count: usize) -> Vec<Queued> {
        let places: Vec<_> = self.sums.keys().take(count).cloned().collect();
        let sums = places.into_iter().filter_map(|place| {
            let (amounts, stands_for) = self.sums.remove(&place)?;
            self.summed -= stands_for;
            let mut sum = Queued::new(Record {
                ended_at: Time::from_seconds(place.0),
                dimensions: place.1,
                amounts,
            });
            sum.stands_for = stands_for;
            Some(sum)
        });
        sums.collect()
    }
}
