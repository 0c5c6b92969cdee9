//! What was promised of which record, as a plain account. It shares no code with the spool.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Gap, Record};

/// All records that ever got a number, by writer and number.
#[derive(Debug, Default)]
pub(super) struct Model {
    given: BTreeMap<(u8, u64), Given>,
    writers: BTreeMap<u8, Writer>,
}

#[derive(Debug)]
struct Given {
    record: Record,
    survives: Survives,
    /// A sync of it has failed, so that no later one says anything of it.
    undecided: bool,
    stored: bool,
}

/// What a record is promised to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Survives {
    /// It could not be appended, or a crash was stronger than the promise.
    Nothing,
    Kill,
    PowerCut,
}

/// What is known of a writer.
#[derive(Debug, Default)]
struct Writer {
    /// The last number that the sink has.
    stored: u64,
    /// Which numbers were reported as possibly lost.
    gaps: Vec<(u64, u64)>,
    /// It said that nothing is missing.
    finished: bool,
    power_cut: bool,
    /// Something of it was on disk.
    is_known: bool,
}

impl Model {
    /// The next number of a writer is that of the first record that is not on disk yet.
    pub(super) fn appended(&mut self, writer: u8, records: &[Record], is_ok: bool) {
        let on_disk = |((by, _), given): (&(u8, u64), &Given)| *by == writer && given.survives > Survives::Nothing;
        let last = self.given.iter().rfind(|given| on_disk(*given));
        let first = last.map_or(1, |((_, last), _)| last + 1);
        for (number, record) in (first..).zip(records) {
            let given = Given {
                record: record.clone(),
                survives: if is_ok { Survives::Kill } else { Survives::Nothing },
                undecided: false,
                stored: false,
            };
            self.given.insert((writer, number), given);
        }
        self.writers.entry(writer).or_default().is_known |= is_ok;
    }

    pub(super) fn synced(&mut self, is_ok: bool) {
        for given in self.given.values_mut().filter(|given| given.survives == Survives::Kill) {
            match is_ok {
                false => given.undecided = true,
                true if !given.undecided => given.survives = Survives::PowerCut,
                true => {}
            }
        }
    }

    pub(super) fn finished(&mut self, writer: u8) {
        self.writers.entry(writer).or_default().finished = true;
    }

    pub(super) fn power_cut(&mut self) {
        for given in self.given.values_mut().filter(|given| given.survives == Survives::Kill) {
            given.survives = Survives::Nothing;
        }
        self.writers.values_mut().for_each(|writer| writer.power_cut = true);
    }

    /// The sink knows a record by its number, and takes no number that is below the last one of the same writer.
    pub(super) fn stored(&mut self, number: (u8, u64), record: &Record) -> Result<(), String> {
        let given = self.given.get_mut(&number);
        let given = given.ok_or_else(|| format!("{number:?} was read and never appended"))?;
        if given.record != *record {
            return Err(format!(
                "{number:?} was read as {record:?}, appended was {:?}",
                given.record
            ));
        }
        let writer = self.writers.entry(number.0).or_default();
        if number.1 > writer.stored {
            writer.stored = number.1;
            given.stored = true;
        }
        match given.stored {
            true => Ok(()),
            false => Err(format!(
                "{number:?} was read after later ones, and left out as a repeat"
            )),
        }
    }

    /// A new process finds these, and is told of these gaps.
    pub(super) fn found(&mut self, left: &BTreeSet<(u8, u64)>, gaps: Vec<Gap>) -> Result<(), String> {
        for gap in gaps {
            let id = gap.writer.as_bytes()[0];
            let writer = self.writers.entry(id).or_default();
            if writer.finished && !writer.power_cut {
                return Err(format!("writer {id} has ended in order, and there is {gap:?}"));
            }
            writer.gaps.push((gap.last, gap.last_possible));
        }
        for (number, given) in self
            .given
            .iter()
            .filter(|(number, given)| !given.stored && !left.contains(number))
        {
            if given.survives > Survives::Nothing {
                return Err(format!("{number:?} is lost, it was to survive: {:?}", given.survives));
            }
            let writer = &self.writers[&number.0];
            let mut gaps = writer.gaps.iter();
            let is_known = gaps.any(|(last, last_possible)| (last + 1..=*last_possible).contains(&number.1));
            // A power cut may take all that there was of a writer.
            if !is_known && writer.is_known && !writer.power_cut {
                return Err(format!("{number:?} is lost, and nobody is told"));
            }
        }
        Ok(())
    }
}
