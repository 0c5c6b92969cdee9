//! A sink that goes away while records come, loses an answer as it goes, and comes back while they still come. The same at
//! the size of an hour is a part of the benchmark.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

use nexus_usage_log::{Entry, EventOutcome, Sink, SinkError, SqliteSink, Time, UsageLog};

use crate::harness::{PATIENCE, World, assert_conserved, eventually, record};

/// What the sink does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Mood {
    Stores,
    /// Stores once more, loses the answer, and is gone.
    LosesTheAnswer,
    Gone,
}

struct Moody {
    sink: SqliteSink,
    mood: Arc<AtomicU8>,
}

impl Sink for Moody {
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
        let mood = self.mood.load(Ordering::SeqCst);
        if mood == Mood::Gone as u8 {
            return Err(SinkError::message("gone"));
        }
        let stored = self.sink.store(batch)?;
        if mood == Mood::LosesTheAnswer as u8 {
            self.mood.store(Mood::Gone as u8, Ordering::SeqCst);
            return Err(SinkError::message("no answer"));
        }
        Ok(stored)
    }
}

/// So many before the sink goes, while it is gone, and after it is back.
const PHASES: [u64; 3] = [20_000, 130_000, 50_000];
const RECORDS: u64 = PHASES[0] + PHASES[1] + PHASES[2];

fn records(log: &UsageLog, first: u64, count: u64) {
    let begin = Time::now().before(Duration::from_secs(600));
    for number in first..first + count {
        let key = format!("key-{}", number % 50);
        log.record(record(&key, 200, number, begin.after(Duration::from_millis(number))));
        if number.is_multiple_of(1_000) {
            assert_conserved(&log.counts());
        }
    }
}

fn bytes_on_disk(world: &World) -> u64 {
    let files = std::fs::read_dir(world.directory.path().join("spool")).unwrap();
    // One that is read to its end may go meanwhile.
    files
        .filter_map(|file| file.unwrap().metadata().ok())
        .map(|file| file.len())
        .sum()
}

#[test]
fn a_sink_that_goes_away_and_comes_back_has_every_record_once() {
    let world = World::new();
    let mood = Arc::new(AtomicU8::new(Mood::Stores as u8));
    let sink = Moody {
        sink: world.sink(),
        mood: mood.clone(),
    };
    let mut settings = world.spill();
    // All of them have room, so that what is dropped is not a question of how fast this machine is.
    settings.queue_records_max = 2 * RECORDS as usize;
    settings.queue_bytes_max = 1 << 30;
    settings.retry_min = Duration::from_millis(1);
    settings.retry_max = Duration::from_millis(5);
    let log = UsageLog::open(settings, sink).unwrap();
    let is = |wanted: Mood| mood.load(Ordering::SeqCst) == wanted as u8;

    records(&log, 0, PHASES[0]);
    assert!(log.flush(PATIENCE));
    mood.store(Mood::LosesTheAnswer as u8, Ordering::SeqCst);
    records(&log, PHASES[0], PHASES[1]);
    eventually("the sink is gone", || is(Mood::Gone));
    eventually("what waits is on disk", || bytes_on_disk(&world) > 1 << 20);
    let counts = log.counts();
    assert_eq!((counts.stored, counts.pending), (PHASES[0], PHASES[1]), "{counts:?}");

    mood.store(Mood::Stores as u8, Ordering::SeqCst);
    thread::scope(|scope| {
        scope.spawn(|| records(&log, PHASES[0] + PHASES[1], PHASES[2]));
        eventually("all is stored", || {
            let counts = log.counts();
            assert_conserved(&counts);
            counts.received == RECORDS && counts.pending == 0
        });
    });
    let counts = log.close(PATIENCE);
    assert_conserved(&counts);
    assert_eq!(
        (counts.received, counts.dropped.total(), counts.pending),
        (RECORDS, 0, 0)
    );
    assert!(
        counts.duplicate > 0,
        "the batch whose answer was lost is known: {counts:?}"
    );
    assert_eq!(counts.stored + counts.duplicate, RECORDS, "{counts:?}");
    assert_each_once(&world);
}

/// One writer's numbers, from 1 to the last, none missing and none twice; and sums that agree with them.
fn assert_each_once(world: &World) {
    let connection = rusqlite::Connection::open(world.file()).unwrap();
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE name GLOB 'raw_*'")
        .unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut ids: Vec<(i64, i64)> = Vec::new();
    for table in tables.map(Result::unwrap) {
        let mut rows = connection
            .prepare(&format!("SELECT writer, sequence FROM {table}"))
            .unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        ids.extend(rows.map(Result::unwrap));
    }
    ids.sort_unstable();
    let expected = (1..).map(|sequence| (1, sequence)).take(RECORDS as usize);
    assert!(
        ids.iter().copied().eq(expected),
        "{} rows, the last is {:?}",
        ids.len(),
        ids.last()
    );
    let total = world.total();
    assert_eq!((total.calls, total.bytes_out), (RECORDS, (0..RECORDS).sum()));
}
