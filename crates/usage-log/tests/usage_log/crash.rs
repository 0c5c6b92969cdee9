//! A process that is killed while it records: the test binary itself, started again.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use nexus_usage_log::{Time, UsageLog};

use crate::harness::{Gate, PATIENCE, World, assert_conserved, event, record};

/// Set for the process that is to be killed: which log it writes, and how.
const DIRECTORY: &str = "NEXUS_USAGE_LOG_CRASH_DIRECTORY";
const STYLE: &str = "NEXUS_USAGE_LOG_CRASH_STYLE";

/// Not a test of its own: what the killed process does. It says on its output what it knows to be safe.
#[test]
fn the_process_that_is_killed() {
    let (Ok(directory), Ok(style)) = (std::env::var(DIRECTORY), std::env::var(STYLE)) else {
        return;
    };
    let sink = || nexus_usage_log::SqliteSink::open(format!("{directory}/usage-log.db"), Default::default()).unwrap();
    let settings = nexus_usage_log::Settings::spill(format!("{directory}/spool"));
    let mut out = std::io::stdout();
    let mut say = |safe: u64| {
        writeln!(out, "safe {safe}").unwrap();
        out.flush().unwrap();
    };
    match &*style {
        "stored" => {
            let log = UsageLog::open(settings, sink()).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for batch in 1_u64.. {
                let events = (0..20).map(|n| event(&format!("{batch}-{n}"), record("acme", 200, 1, Time::now())));
                runtime.block_on(log.store(events.collect())).unwrap();
                say(batch * 20);
            }
        }
        // The sink is gone: what was recorded is safe on disk alone.
        _ => {
            let log = UsageLog::open(settings, Gate::shut()).unwrap();
            for number in 1_u64.. {
                log.record(record("acme", 200, 1, Time::now()));
                if number % 1_000 == 0 {
                    // Far longer than a checkpoint interval.
                    log.flush(Duration::from_millis(200));
                    say(number);
                }
            }
        }
    }
}

/// Starts the process, kills it when it has said so much, and tells what it last said.
fn kill(world: &World, style: &str, lines: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::the_process_that_is_killed", "--nocapture"])
        .env(DIRECTORY, world.directory.path())
        .env(STYLE, style)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let safe = |line: String| {
        line.split_once("safe ")
            .and_then(|(_, number)| number.parse::<u64>().ok())
    };
    let last = said.by_ref().filter_map(safe).nth(lines - 1).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    said.filter_map(safe).last().unwrap_or(last)
}

#[test]
fn answered_events_survive_and_repeating_them_is_harmless() {
    let world = World::new();
    let safe = kill(&world, "stored", 15);
    let total = world.total().calls;
    assert!(total >= safe, "{total} of {safe} are left");
    let log = world.open();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for batch in 1..=safe / 20 {
        // Their times differ from those that were stored: the first content stays.
        let events = (0..20).map(|n| event(&format!("{batch}-{n}"), record("acme", 200, 1, Time::now())));
        runtime.block_on(log.store(events.collect())).unwrap();
    }
    assert_eq!(log.counts().stored, 0);
    assert_eq!(world.total().calls, total);
    assert_conserved(&log.counts());
}

#[test]
fn recorded_records_survive_and_what_may_be_lost_is_known() {
    let world = World::new();
    let safe = kill(&world, "spilled", 5);
    let log = world.open();
    assert!(log.flush(PATIENCE));
    let total = world.total().calls;
    assert!(total >= safe, "{total} of {safe} are left");
    assert_eq!(log.counts().stored, total);
    let gaps = log.crash_gaps();
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].last >= safe && gaps[0].last < gaps[0].last_possible);
    log.close(PATIENCE);
    let connection = rusqlite::Connection::open(world.file()).unwrap();
    let noted: i64 = connection
        .query_row("SELECT last FROM gap", [], |row| row.get(0))
        .unwrap();
    assert_eq!(noted.unsigned_abs(), gaps[0].last);
    // A second start stores nothing twice and finds no gap.
    let log = world.open();
    assert!(log.flush(PATIENCE));
    assert_eq!((log.counts().received, log.crash_gaps().len()), (0, 0));
    assert_eq!(world.total().calls, total);
}

/// The segments come back as they were before the sink stored them: all of it is known already.
#[test]
fn a_spool_that_is_read_twice_counts_once() {
    let world = World::new();
    kill(&world, "spilled", 2);
    let spool = world.directory.path().join("spool");
    let copies: Vec<_> = std::fs::read_dir(&spool)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "spool"))
        .map(|path| (std::fs::read(&path).unwrap(), path))
        .collect();
    let log = world.open();
    assert!(log.flush(PATIENCE));
    let counts = log.close(PATIENCE);
    for (bytes, path) in copies {
        std::fs::write(path, bytes).unwrap();
    }
    let log = world.open();
    assert!(log.flush(PATIENCE));
    assert_eq!((log.counts().duplicate, log.counts().stored), (counts.stored, 0));
    assert_eq!(world.total().calls, counts.stored);
}

#[test]
fn damage_at_the_end_of_a_segment_costs_what_is_damaged() {
    let world = World::new();
    let safe = kill(&world, "spilled", 3);
    let spool = world.directory.path().join("spool");
    let segment = std::fs::read_dir(spool)
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some());
    let segment = segment.unwrap();
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() - 3]).unwrap();
    let log = world.open();
    assert!(log.flush(PATIENCE));
    let total = world.total().calls;
    assert!(total < safe + 65_536 && total > 0);
    assert_eq!(log.crash_gaps().first().map(|gap| gap.last), Some(total));
    assert_conserved(&log.counts());
}
