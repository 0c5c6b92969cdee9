//! Generated histories on a disk that remembers, cut off at any operation, against a plain account of what was promised.

mod found;
mod history;
mod model;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use nexus_segments::testing::{Choices, CrashDisk};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use self::{
    history::{End, Step},
    model::Model,
};
use super::*;
use crate::{Amounts, Dimensions, Entry, Id, Record, Time};

/// How many records may be in the queue, unknown to the spool.
const QUEUE_MAX: usize = 3;

fn settings(bytes_max: u64) -> Spill {
    Spill {
        bytes_max,
        segment_bytes_max: 300,
        sync_interval: Duration::ZERO,
        ..Spill::new("spool")
    }
}

/// A record that no other is like.
fn record(number: u64) -> Record {
    Record {
        ended_at: Time::from_nanos(1_000 + i64::try_from(number).unwrap()),
        dimensions: Dimensions {
            key: ["mail", "web", "batch"][usize::try_from(number % 3).unwrap()].into(),
            ..Dimensions::default()
        },
        amounts: Amounts {
            calls: number,
            ..Amounts::default()
        },
    }
}

fn records(count: u64) -> Vec<Record> {
    (1..=count).map(record).collect()
}

fn open(disk: &CrashDisk, writer: u8) -> io::Result<OpenedSpool> {
    Spool::open(
        Arc::new(disk.clone()),
        &settings(u64::MAX),
        WriterId([writer; 16]),
        QUEUE_MAX,
    )
}

/// All that can be read, in order.
fn read_all(opened: &mut OpenedSpool) -> Vec<Entry> {
    let mut entries = Vec::new();
    loop {
        let some = opened.follower.next(1, usize::MAX).unwrap();
        if some.is_empty() {
            return entries;
        }
        entries.extend(some);
    }
}

fn number_of(entry: &Entry) -> (u8, u64) {
    match &entry.id {
        Id::Own { writer, sequence } => (writer.as_bytes()[0], *sequence),
        Id::Foreign(id) => panic!("{id:?}"),
    }
}

/// One history under way.
struct Run {
    disk: CrashDisk,
    process: Option<OpenedSpool>,
    bytes_max: u64,
    /// Who writes now: each process is another writer.
    writer: u8,
    /// Offered and not on disk: to be offered again.
    in_hand: Vec<Record>,
    /// Read and not stored.
    batch: Vec<Entry>,
    /// The log takes nothing more.
    is_closed: bool,
    records: u64,
    model: Model,
}

impl Run {
    fn begin(bytes_max: u64) -> Result<Run, String> {
        let mut run = Run {
            disk: CrashDisk::default(),
            process: None,
            bytes_max,
            writer: 0,
            in_hand: Vec::new(),
            batch: Vec::new(),
            is_closed: false,
            records: 0,
            model: Model::default(),
        };
        run.open()?;
        Ok(run)
    }

    fn open(&mut self) -> Result<(), String> {
        self.process = None;
        let opened = self.try_open().or_else(|_| {
            self.disk.clear_faults();
            self.try_open()
        });
        let mut opened = opened.map_err(|error| format!("the spool does not open: {error}"))?;
        // What another process would find now is what this one will read.
        let mut copy = open(&self.disk.killed(self.disk.now(), 0), 255).unwrap();
        let left: BTreeSet<(u8, u64)> = read_all(&mut copy).iter().map(number_of).collect();
        self.model.found(&left, std::mem::take(&mut opened.gaps))?;
        self.process = Some(opened);
        Ok(())
    }

    fn try_open(&mut self) -> io::Result<OpenedSpool> {
        self.writer += 1;
        let settings = settings(self.bytes_max);
        Spool::open(
            Arc::new(self.disk.clone()),
            &settings,
            WriterId([self.writer; 16]),
            QUEUE_MAX,
        )
    }

    fn process(&mut self) -> &mut OpenedSpool {
        self.process.as_mut().unwrap()
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.disk.clear_faults();
        if let Some(fault) = step.fault {
            self.disk.add_fault(fault);
        }
        match step.what {
            history::What::Append(count) => self.append(count),
            history::What::Sync => {
                let synced = self.process().spool.sync();
                self.model.synced(synced.is_ok());
            }
            history::What::Read { records, stores } => self.read(records, stores)?,
            history::What::Finish => self.finish(),
        }
        match &step.end {
            Some(end) => self.end(end),
            None => Ok(()),
        }
    }

    fn append(&mut self, count: u64) {
        if self.is_closed {
            return;
        }
        if self.in_hand.is_empty() {
            self.in_hand = (0..count).map(|more| record(self.records + more)).collect();
            self.records += count;
        }
        let records = std::mem::take(&mut self.in_hand);
        let appended = self.process().appender.append(records.iter());
        self.model.appended(self.writer, &records, appended.is_ok());
        if appended.is_err() {
            self.in_hand = records;
        }
    }

    fn finish(&mut self) {
        let is_first = !std::mem::replace(&mut self.is_closed, true);
        // What is in hand then is given up, and counted as such.
        if is_first && self.in_hand.is_empty() && self.process().appender.finish().is_ok() {
            self.model.finished(self.writer);
        }
    }

    fn read(&mut self, records: usize, stores: bool) -> Result<(), String> {
        if self.batch.is_empty() {
            let read = self.process().follower.next(records, usize::MAX);
            self.batch = read.map_err(|error| format!("what was appended cannot be read: {error}"))?;
        }
        if stores {
            let batch = std::mem::take(&mut self.batch);
            batch
                .iter()
                .try_for_each(|entry| self.model.stored(number_of(entry), &entry.record))?;
            self.process().follower.done();
        }
        Ok(())
    }

    /// The process ends, however, and another one begins.
    fn end(&mut self, end: &End) -> Result<(), String> {
        self.in_hand.clear();
        self.batch.clear();
        self.is_closed = false;
        self.process = None;
        self.disk = match end {
            End::Kill => self.disk.killed(self.disk.now(), 0),
            End::PowerCut { page, choices } => {
                self.model.power_cut();
                self.disk.power_cut(self.disk.now(), *page, &mut Choices::new(choices))
            }
        };
        self.open()
    }

    /// Everything that is there is stored, and then nothing is left.
    fn drain(&mut self) -> Result<(), String> {
        self.disk.clear_faults();
        self.end(&End::Kill)?;
        let unread = self.process().spool.unread();
        let left = read_all(self.process());
        left.iter()
            .try_for_each(|entry| self.model.stored(number_of(entry), &entry.record))?;
        if unread != left.len() as u64 {
            return Err(format!("{unread} records were told of, {} read", left.len()));
        }
        self.process().follower.done();
        let spool = self
            .disk
            .files()
            .into_keys()
            .filter(|path| path.extension().is_some_and(|it| it == "spool"));
        let spool: Vec<PathBuf> = spool.collect();
        if !spool.is_empty() {
            return Err(format!("all is stored, and there is still {spool:?}"));
        }
        Ok(())
    }
}

fn run(bytes: &[u8]) -> Result<(), String> {
    let mut choices = Choices::new(bytes);
    let bytes_max = [u64::MAX, u64::MAX, 700][choices.up_to(2)];
    let steps = history::steps(&mut choices);
    let told = |error| {
        let steps: Vec<String> = steps.iter().map(|step| format!("{step:?}")).collect();
        format!("{error}\n{}\nbytes: {bytes:?}", steps.join("\n"))
    };
    let mut run = Run::begin(bytes_max).map_err(told)?;
    for step in &steps {
        run.step(step).map_err(told)?;
    }
    run.drain().map_err(told)
}

/// How many histories are tried; `NEXUS_CRASH_HISTORIES` says otherwise, see `scripts/soak`.
const HISTORIES: u32 = 5_000;

#[test]
fn crash_images_hold_what_was_promised_each_once_and_whole() {
    let asked = std::env::var("NEXUS_CRASH_HISTORIES").ok();
    let config = Config {
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Config::with_cases(asked.map_or(HISTORIES, |cases| cases.parse().unwrap()))
    };
    let result = TestRunner::new(config).run(&vec(any::<u8>(), 0..150), |bytes| {
        run(&bytes).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
