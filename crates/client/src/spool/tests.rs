//! The spool against a hub that is made up: each try may be lost on either side, and the process or the machine may die at any
//! operation.

mod found;
mod histories;
mod hub;
mod steps;

use nexus_segments::testing::CrashDisk;

use super::{
    files::{BATCHES, REFUSED, UNCERTAIN},
    *,
};
use hub::{Fate, Hub};

const HOUR_MS: u64 = 3_600_000;
const TARGET: u64 = 1;

fn open(disk: &CrashDisk) -> Spool {
    open_with(disk, Limits::default())
}

fn open_with(disk: &CrashDisk, limits: Limits) -> Spool {
    Spool::open_on(Arc::new(disk.clone()), Path::new("spool"), limits).unwrap()
}

fn inc(metric: &str) -> String {
    format!(r#"{{"op":"inc","metric":"{metric}"}}"#)
}

fn append(spool: &Spool, metrics: &[&str]) {
    for metric in metrics {
        spool.append(&[inc(metric)], Sync::Flush).unwrap();
    }
}

fn deliver(spool: &Spool, hub: &Hub, target: u64) -> Result<Report<&'static str>, SpoolError> {
    deliver_with(spool, hub, target, || {})
}

/// Delivers, and does something else while the first batch is on its way.
fn deliver_with(
    spool: &Spool,
    hub: &Hub,
    target: u64,
    interrupt: impl FnOnce(),
) -> Result<Report<&'static str>, SpoolError> {
    let turn = spool.turn()?.expect("nobody else delivers");
    let delivery = Delivery {
        target,
        deadline: Duration::from_secs(30),
    };
    let interrupt = std::cell::Cell::new(Some(interrupt));
    let send = async |key: &Key, body: Vec<u8>| {
        if let Some(interrupt) = interrupt.take() {
            interrupt();
        }
        hub.receive(target, key, &body)
    };
    let sent = turn.deliver(delivery, || hub.now_ms(), send);
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(sent)
}

fn files(spool: &Spool, part: &str) -> Vec<(String, String)> {
    let names = spool.files.list(part).unwrap().into_iter();
    names
        .map(|(name, _)| {
            let bytes = spool.files.read(&spool.files.path(part, &name)).unwrap();
            (name, String::from_utf8(bytes).unwrap())
        })
        .collect()
}

#[test]
fn what_was_appended_is_counted_once_and_the_spool_is_empty_again() {
    let disk = CrashDisk::default();
    let (spool, hub) = (open(&disk), Hub::default());
    append(&spool, &["a", "b", "a"]);
    let report = deliver(&spool, &hub, TARGET).unwrap();
    assert_eq!((report.items, report.batches, report.stopped), (2, 1, None));
    assert_eq!((hub.count("a"), hub.count("b")), (2, 1));
    let report = deliver(&spool, &hub, TARGET).unwrap();
    assert_eq!((report.items, report.batches), (0, 0));
    assert_eq!(spool.files.list(BATCHES).unwrap(), []);
    assert_eq!(spool.files.list("").unwrap().len(), 1, "only the lock");
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_key() {
    let disk = CrashDisk::default();
    let (spool, hub) = (open(&disk), Hub::default());
    append(&spool, &["a"]);
    hub.expect([Fate::AnswerLost]);
    assert!(deliver(&spool, &hub, TARGET).unwrap().stopped.is_some());
    append(&spool, &["a"]);
    let report = deliver(&spool, &hub, TARGET).unwrap();
    assert_eq!((report.batches, hub.count("a")), (2, 2));
}

#[test]
fn a_record_that_the_hub_refuses_is_put_aside_and_blocks_nothing() {
    let disk = CrashDisk::default();
    let (spool, hub) = (open(&disk), Hub::default());
    append(&spool, &["a", "unknown", "b", "forbidden", "c"]);
    let report = deliver(&spool, &hub, TARGET).unwrap();
    assert_eq!((report.items, report.refused_items, report.stopped), (3, 2, None));
    assert_eq!([hub.count("a"), hub.count("b"), hub.count("c")], [1, 1, 1]);
    let kept: String = files(&spool, REFUSED).into_iter().map(|(_, text)| text).collect();
    assert!(
        kept.contains(r#"{"reason":"there is no metric unknown","item":{"op":"inc","metric":"unknown"}}"#),
        "{kept}"
    );
    assert!(
        kept.contains(r#"{"reason":"not with this key","item":{"op":"inc","metric":"forbidden"}}"#),
        "{kept}"
    );
}

#[test]
fn what_the_hub_would_not_know_as_a_repeat_is_not_repeated() {
    let check = |fate: Fate, hours: u64, target: u64, expected: usize| {
        let disk = CrashDisk::default();
        let (spool, hub) = (open(&disk), Hub::default());
        append(&spool, &["a"]);
        hub.expect([fate]);
        deliver(&spool, &hub, TARGET).unwrap();
        hub.advance(hours * HOUR_MS);
        append(&spool, &["b"]);
        let report = deliver(&spool, &hub, target).unwrap();
        assert_eq!(
            (report.uncertain_items, report.stopped),
            (expected, None),
            "{fate:?} {hours}"
        );
        assert_eq!(files(&spool, UNCERTAIN).len(), expected);
        assert_eq!(hub.count("b"), 1, "it blocks nothing");
    };
    check(Fate::AnswerLost, 23, TARGET, 0);
    check(Fate::AnswerLost, 24, TARGET, 1);
    check(Fate::RequestLost, 24, TARGET, 1);
    check(Fate::AnswerLost, 1, TARGET + 1, 1);
    // A hub that was not reached at all cannot have counted it, however long ago that was.
    check(Fate::Unreachable, 1000, TARGET + 1, 0);
}

#[test]
fn a_clock_that_was_set_back_tells_nothing() {
    let disk = CrashDisk::default();
    let (spool, hub) = (open(&disk), Hub::default());
    hub.advance(48 * HOUR_MS);
    append(&spool, &["a"]);
    hub.expect([Fate::AnswerLost]);
    deliver(&spool, &hub, TARGET).unwrap();
    hub.set_back(2 * HOUR_MS);
    assert_eq!(deliver(&spool, &hub, TARGET).unwrap().uncertain_items, 1);
}

#[test]
fn a_full_spool_takes_nothing_and_keeps_what_it_has() {
    let disk = CrashDisk::default();
    let limits = Limits {
        bytes_max: 100,
        ..Limits::default()
    };
    let (spool, hub) = (open_with(&disk, limits), Hub::default());
    append(&spool, &["a", "a"]);
    let error = spool.append(&[inc("a")], Sync::Sync).unwrap_err().to_string();
    assert!(
        error.contains("is full: 71 bytes wait to be delivered, at most 100 are kept"),
        "{error}"
    );
    deliver(&spool, &hub, TARGET).unwrap();
    append(&spool, &["a"]);
    deliver(&spool, &hub, TARGET).unwrap();
    assert_eq!(hub.count("a"), 3);
}

#[test]
fn what_was_put_aside_is_bounded_and_the_oldest_goes() {
    let disk = CrashDisk::default();
    let limits = Limits {
        bytes_max: 200,
        ..Limits::default()
    };
    let (spool, hub) = (open_with(&disk, limits), Hub::default());
    for _ in 0..4 {
        append(&spool, &["unknown", "a"]);
        deliver(&spool, &hub, TARGET).unwrap();
    }
    assert_eq!((files(&spool, REFUSED).len(), hub.count("a")), (2, 4));
}

#[test]
fn one_delivers_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Spool::open(&directory.path().join("spool"), Limits::default()).unwrap();
    let (one, other) = (open(), open());
    let turn = one.turn().unwrap();
    assert!(turn.is_some() && other.turn().unwrap().is_none());
    drop(turn);
    assert!(other.turn().unwrap().is_some());
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let spool = Spool::open(&path, Limits::default()).unwrap();
    append(&spool, &["a"]);
    assert_eq!(
        (mode(&path), mode(&path.join("open")), mode(&path.join(BATCHES))),
        (0o700, 0o600, 0o700)
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = Spool::open(&path, Limits::default()).unwrap_err().to_string();
    assert!(error.contains("chmod go-w"), "{error}");
}

#[test]
fn batches_are_cut_at_the_hub_s_limits() {
    let disk = CrashDisk::default();
    let limits = Limits {
        batch_items_max: 2,
        ..Limits::default()
    };
    let (spool, hub) = (open_with(&disk, limits), Hub::default());
    append(&spool, &["a", "b", "c", "d", "e", "a"]);
    let report = deliver(&spool, &hub, TARGET).unwrap();
    assert_eq!((report.items, report.batches), (5, 3));
    assert_eq!((hub.count("a"), hub.count("e")), (2, 1));
}

/// What the lines add to which metric.
fn amounts(lines: &str) -> Vec<(String, u64)> {
    let item = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        // As it stands among the refused.
        if let Some(item) = line.get("item") {
            line = item.clone();
        }
        let amount = line.get("value").map_or(1, |value| value.as_u64().unwrap());
        line.get("metric")
            .map(|metric| (metric.as_str().unwrap().to_owned(), amount))
    };
    lines.lines().filter_map(item).collect()
}
