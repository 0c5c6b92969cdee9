//! Damage of every kind: what is reported, and what is saved.

use std::collections::{BTreeMap, HashSet};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::damage::{Damage, Place};

pub(super) const SNAPSHOT: &str = "state.yaml";

fn examine_all(disk: &MemoryDisk) -> Examined {
    examine(&settings(disk, Durability::Sync), usize::MAX).unwrap()
}

fn texts(damage: &[Damage]) -> Vec<&str> {
    damage.iter().map(|damage| damage.text.as_str()).collect()
}

/// The repaired state, opened as a start opens it.
fn repaired(examined: &Examined) -> Store {
    let disk = MemoryDisk::default();
    examined
        .write(Arc::new(disk.clone()), std::path::Path::new(SNAPSHOT))
        .unwrap();
    let opened = try_open(&disk, Durability::Sync).unwrap();
    assert_eq!(opened.recovered.cut, []);
    opened.store
}

pub(super) fn lines_of(disk: &MemoryDisk) -> Vec<String> {
    let text = String::from_utf8(disk.get(SNAPSHOT).unwrap()).unwrap();
    text.lines().map(str::to_owned).collect()
}

pub(super) fn put_lines(disk: &MemoryDisk, lines: &[String]) {
    disk.put(SNAPSHOT, lines.join("\n") + "\n");
}

/// A journal of three frames in one segment: a=1, a=2, a=3, each with a series of its own.
fn three_frames() -> (MemoryDisk, Vec<u8>, [usize; 4]) {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Sync);
    let mut ends = [crate::journal::HEADER_BYTES; 4];
    for (n, end) in ends.iter_mut().enumerate().skip(1) {
        accept(&store, vec![add("a", 1.0), set(&format!("s{n}"), 1.0)]);
        *end = disk.get("journal/000001.log").unwrap().len();
    }
    let bytes = disk.get("journal/000001.log").unwrap();
    (disk, bytes, ends)
}

#[test]
fn frames_behind_a_damaged_one_are_saved_and_the_loss_is_named() {
    let (disk, mut bytes, ends) = three_frames();
    bytes[ends[1] + 50] ^= 1;
    disk.put("journal/000001.log", bytes);
    let examined = examine_all(&disk);
    assert_eq!(
        texts(&examined.damage),
        [
            format!(
                "journal/000001.log is damaged at offset {}: change 3 should stand there and was durable",
                ends[1]
            ),
            "changes 3 to 4 are missing: journal/000001.log continues after 4".to_owned(),
        ]
    );
    assert_eq!(examined.damage[0].place, Place::Offset(ends[1] as u64));
    assert_eq!(examined.damage[0].bytes, (ends[2] - ends[1]) as u64);
    assert_eq!(examined.damage[1].changes, Some((3, 4)));
    assert_eq!((examined.recovered.frames, examined.recovered.last), (2, 6));
    let store = repaired(&examined);
    assert_eq!(dump(&store), "a{} 2\ns1{} 1\ns3{} 1");
    assert_eq!(accept(&store, vec![add("a", 1.0)]).sequence, 7);
}

#[test]
fn each_kind_of_damage_to_the_journal_is_named() {
    let check = |damage: fn(&mut Vec<u8>, [usize; 4]), expected: &[&str], saved: &str| {
        let (disk, mut bytes, ends) = three_frames();
        damage(&mut bytes, ends);
        disk.put("journal/000001.log", bytes);
        let examined = examine_all(&disk);
        let mut found: Vec<String> = texts(&examined.damage).into_iter().map(str::to_owned).collect();
        found.extend(
            examined
                .recovered
                .cut
                .iter()
                .map(|cut| format!("tail of {} bytes", cut.length)),
        );
        assert_eq!(found, expected);
        assert_eq!(dump(&repaired(&examined)), saved);
    };
    let whole = "a{} 3\ns1{} 1\ns2{} 1\ns3{} 1";
    check(|_, _| {}, &[], whole);
    check(
        |bytes, _| bytes[3] ^= 1,
        &["journal/000001.log: its header is damaged"],
        whole,
    );
    check(
        |bytes, ends| bytes.truncate(ends[3] - 1),
        &["tail of 80 bytes"],
        "a{} 2\ns1{} 1\ns2{} 1",
    );
    check(
        |bytes, ends| bytes[ends[2]] ^= 1,
        &["tail of 81 bytes"],
        "a{} 2\ns1{} 1\ns2{} 1",
    );
    check(|bytes, _| bytes.extend([0; 9]), &["tail of 9 bytes"], whole);
    check(
        |bytes, ends| drop(bytes.drain(ends[0]..ends[1])),
        &["changes 1 to 2 are missing: journal/000001.log continues after 2"],
        "a{} 2\ns2{} 1\ns3{} 1",
    );
    // Nothing behind it says that it was durable: frames written by hand, without the promise of a later one.
    check(
        |bytes, ends| {
            let mut frame = crate::journal::Frame::begin(7, 0);
            let write = write_of(vec![add("a", 1.0)]);
            let applied = Applied {
                sequence: 7,
                changes: 1,
                ..Applied::default()
            };
            frame.push(&applied, &write.encode());
            bytes.truncate(ends[2]);
            bytes.extend(b"garbage");
            bytes.extend(frame.seal(0).unwrap());
        },
        &[
            "journal/000001.log is damaged at offset 210, and 1 sound frames stand behind that: a start leaves them out, \
             `state repair` takes them",
            "changes 5 to 6 are missing: journal/000001.log continues after 6",
        ],
        "a{} 3\ns1{} 1\ns2{} 1",
    );
}

#[test]
fn a_segment_that_is_missing_is_named() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Sync);
    accept(&store, vec![add("a", 1.0)]);
    let first = disk.get("journal/000001.log").unwrap();
    // Each snapshot begins a segment, and makes those before it needless.
    for _ in 0..2 {
        store.snapshot().unwrap();
        accept(&store, vec![add("a", 1.0)]);
    }
    disk.put("journal/000001.log", first);
    nexus_segments::Disk::remove(&disk, std::path::Path::new(SNAPSHOT)).unwrap();
    let examined = examine_all(&disk);
    assert_eq!(
        texts(&examined.damage),
        [
            "journal/000001.log is damaged at offset 112: change 2 should stand there and was durable",
            "changes 2 to 2 are missing: journal/000003.log continues after 2"
        ]
    );
    assert_eq!(dump(&repaired(&examined)), "a{} 2");
}

/// Two numbers, a histogram, and an idempotency key, in a snapshot alone.
pub(super) fn snapshot_alone() -> MemoryDisk {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Sync);
    accept(&store, vec![set("a", 1.0), set("b", 2.0)]);
    accept(
        &store,
        vec![Change::Series(
            target("h", &[("l", "x")], Some(Kind::Histogram)),
            Op::Observe(2.0),
        )],
    );
    store.close().unwrap();
    disk
}

#[test]
fn each_kind_of_damage_to_the_snapshot_is_named() {
    let check = |damage: fn(&mut Vec<String>), expected: &[&str], saved: &[&str]| {
        let disk = snapshot_alone();
        let whole = dump(&open(&disk.copy(), Durability::Sync));
        let mut lines = lines_of(&disk);
        damage(&mut lines);
        put_lines(&disk, &lines);
        let examined = examine_all(&disk);
        let found = texts(&examined.damage);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
        let expected: Vec<&str> = whole
            .lines()
            .filter(|line| saved.iter().any(|saved| line.starts_with(saved)))
            .collect();
        assert_eq!(dump(&repaired(&examined)), expected.join("\n"));
    };
    let checksum = "its checksum is wrong: if you edited it, `metric-nexus state accept` takes it over";
    check(|_| {}, &[], &["a", "b", "h"]);
    check(
        |lines| lines[2] = "famblies:".to_owned(),
        &["line 3: unexpected \"famblies:\"", checksum],
        &["a", "b", "h"],
    );
    check(
        |lines| lines[0].truncate(30),
        &["line 1: this is not the first line", checksum],
        &["a", "b", "h"],
    );
    check(
        |lines| lines[1] = "hub: {\"format\": 1}".to_owned(),
        &["line 2: missing field `sequence`", checksum, "has no line `hub:`"],
        &["a", "b", "h"],
    );
    check(
        |lines| lines[3].truncate(9),
        &[
            "line 4: EOF while parsing",
            checksum,
            "the line of the metric a is lost",
        ],
        &["a", "b", "h"],
    );
    check(
        |lines| lines[5].truncate(9),
        &[
            "line 6: EOF while parsing",
            "line 10: the line of its metric \"h\" is lost, and with it the buckets",
            checksum,
        ],
        &["a", "b"],
    );
    check(
        |lines| lines[7] = lines[7].replace("value", "walue"),
        &["line 8: unknown field `walue`", checksum],
        &["b", "h"],
    );
    check(
        |lines| lines[8] = lines[7].clone(),
        &["line 9: a is there twice", checksum],
        &["a", "h"],
    );
    check(|lines| lines.truncate(8), &["has no checksum line at its end"], &["a"]);
    check(|lines| lines.push("- x".to_owned()), &[checksum], &["a", "b", "h"]);
    check(
        |lines| {
            lines.clear();
            lines.push("nonsense".to_owned());
        },
        &["state.yaml: "],
        &[],
    );
}

#[test]
fn a_heading_that_is_no_text_costs_no_items() {
    let disk = snapshot_alone();
    let whole = dump(&open(&disk.copy(), Durability::Sync));
    let mut bytes = disk.get(SNAPSHOT).unwrap();
    let at = bytes.windows(8).position(|part| part == b"\nseries:").unwrap();
    bytes[at + 3] = 0xff;
    disk.put(SNAPSHOT, bytes);
    let examined = examine_all(&disk);
    assert_eq!(
        texts(&examined.damage)[0],
        "state.yaml, line 7: not UTF-8 from byte 2 of the line on"
    );
    assert_eq!(dump(&repaired(&examined)), whole);
}

#[test]
fn a_copy_of_the_snapshot_alone_goes_on_behind_its_newest_change() {
    // Written among writers: a series is newer than the position.
    let disk = snapshot_alone();
    let mut lines = lines_of(&disk);
    lines[7] = lines[7].replace("\"sequence\": 1}", "\"sequence\": 50}");
    assert!(lines[7].contains("50"), "{}", lines[7]);
    lines.pop();
    let text = lines.join("\n") + "\n";
    let checksum = format!("# crc32 {:08x}\n", nexus_segments::checksum(&[text.as_bytes()]));
    let alone = MemoryDisk::default();
    alone.put(SNAPSHOT, text.clone() + &checksum);
    let store = open(&alone, Durability::Sync);
    assert_eq!(accept(&store, vec![add("a", 1.0)]).sequence, 51);
    assert!(dump(&store).contains("a{} 2"), "{}", dump(&store));
    assert!(dump(&open(&alone.copy(), Durability::Sync)).contains("a{} 2"));

    // With a journal that does not reach so far, the journal has lost what was durable.
    disk.put(SNAPSHOT, text + &checksum);
    let error = try_open(&disk, Durability::Sync).unwrap_err().to_string();
    assert!(
        error.contains("the snapshot shows that change 50 was durable"),
        "{error}"
    );
    assert_eq!(texts(&examine_all(&disk).damage), [error]);
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Change<'static>>),
    Snapshot,
    Restart,
}

fn change() -> impl Strategy<Value = Change<'static>> {
    let name = proptest::sample::select(vec!["a", "b", "h"]);
    let labels = proptest::sample::select(vec!["", "1", "2"]);
    (name, labels, 0..8u8, 0i8..8).prop_map(|(name, label, which, value)| {
        let kind = if name == "h" { Kind::Histogram } else { Kind::Gauge };
        let labels: &[(&str, &str)] = if label.is_empty() { &[] } else { &[("l", label)] };
        let (target, value) = (target(name, labels, Some(kind)), f64::from(value));
        match which {
            0 => Change::Delete {
                family: target.family,
                labels: None,
            },
            1 => Change::Series(target, Op::Ensure),
            _ if kind == Kind::Histogram => Change::Series(target, Op::Observe(value)),
            2..4 => Change::Series(target, Op::Set(value)),
            _ => Change::Series(target, Op::Add(value)),
        }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => vec(change(), 1..4).prop_map(Step::Write),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Restart),
    ];
    vec(step, 1..20)
}

/// A crash image, and what was acknowledged: each write with the sequence of its first change.
fn crashed(steps: Vec<Step>) -> (MemoryDisk, Vec<(u64, Write<'static>)>) {
    let disk = MemoryDisk::default();
    let mut store = open(&disk, Durability::Sync);
    let mut acknowledged = Vec::new();
    for step in steps {
        match step {
            Step::Write(changes) => {
                if let Outcome::Applied(applied, _) = submit(&store, changes.clone()) {
                    acknowledged.push((applied.sequence + 1 - changes.len() as u64, write_of(changes)));
                }
            }
            Step::Snapshot => drop(store.snapshot().unwrap()),
            Step::Restart => store = open(&disk, Durability::Sync),
        }
    }
    (disk.copy(), acknowledged)
}

fn dump_lines(state: &State) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for family in state.catalog().families() {
        for block in family.blocks() {
            block.for_each(|series| {
                let value = match series.value().unwrap() {
                    Value::Number(value, _) => value.to_string(),
                    Value::Histogram(histogram) => format!("{:?} {}", histogram.counts, histogram.sum),
                };
                lines.insert(format!("{}{{{}}}", family.family.name, series.labels), value);
            });
        }
    }
    lines
}

#[derive(Debug, Clone)]
enum Harm {
    Flip(u8),
    Cut,
}

/// Harms one file at one place; gives the path and the place, or nothing if there is nothing to harm.
fn harm(
    disk: &MemoryDisk,
    harm: &Harm,
    file: &prop::sample::Index,
    at: &prop::sample::Index,
) -> Option<(PathBuf, usize)> {
    let path = file.get(&disk.paths()).clone();
    let mut bytes = disk.get(&path)?;
    if bytes.is_empty() {
        return None;
    }
    let at = at.index(bytes.len());
    match harm {
        Harm::Flip(bit) => bytes[at] ^= 1 << (bit % 8),
        Harm::Cut => bytes.truncate(at),
    }
    disk.put(&path, bytes);
    Some((path, at))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// One flipped bit or one cut, anywhere: it is reported; a start and the check are of one opinion; and what repair
    /// makes of it starts.
    ///
    /// For a harmed journal, the repaired state is that of all acknowledged writes but those that the report says are lost.
    /// For a harmed snapshot, each series whose line was not harmed is there, with the value that it would have had.
    #[test]
    fn harm_is_reported_and_the_rest_is_saved(
        steps in steps(),
        kind in prop_oneof![3 => any::<u8>().prop_map(Harm::Flip), 1 => Just(Harm::Cut)],
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let (disk, acknowledged) = crashed(steps);
        let whole = examine_all(&disk);
        prop_assert_eq!(texts(&whole.damage), Vec::<&str>::new());
        let harmed = disk.copy();
        let Some((path, at)) = harm(&harmed, &kind, &file, &at) else { return Ok(()) };

        let examined = examine_all(&harmed);
        let started = try_open(&harmed.copy(), Durability::Sync);
        let only_behind = examined.damage.iter().all(|damage| damage.text.contains("a start leaves them out") || damage.changes.is_some());
        if examined.damage.is_empty() {
            prop_assert!(started.is_ok(), "{:?}", started.unwrap_err());
        } else {
            prop_assert!(started.is_err() || only_behind, "{:?}", examined.damage);
        }

        let is_snapshot = path == std::path::Path::new(SNAPSHOT);
        let segment = examined.recovered.segments.iter().find(|segment| segment.file == path);
        let no_header = segment.is_some_and(|segment| segment.header.is_err());
        let is_reported = !examined.damage.is_empty() || !examined.recovered.cut.is_empty() || no_header;
        // A last segment that ends with a sound frame is a sound segment: nothing tells that there was more.
        let is_last = examined.recovered.segments.last().is_some_and(|last| last.file == path);
        let ends_soundly = matches!(kind, Harm::Cut) && is_last;
        // What the snapshot stands for is not read again.
        let is_needless = segment.is_some_and(|segment| !segment.needed);
        prop_assert!(is_reported || ends_soundly || is_needless, "byte {} of {}", at, path.display());

        let saved = dump_lines(&examined.state);
        let store = repaired(&examined);
        prop_assert_eq!(store.view().catalog.series_len(), saved.len() as u64);
        if is_snapshot {
            let (before, after) = (disk.get(&path).unwrap(), harmed.get(&path).unwrap());
            let after: HashSet<&[u8]> = after.split(|byte| *byte == b'\n').collect();
            let sound: HashSet<&[u8]> = before.split(|byte| *byte == b'\n').filter(|line| after.contains(line)).collect();
            let twice = texts(&examined.damage).iter().any(|text| text.contains("is there twice"));
            for (series, value) in dump_lines(&whole.state) {
                let name = series.split('{').next().unwrap();
                let is_line = |line: &[u8], section: &str, what: &str| {
                    let line = String::from_utf8_lossy(line);
                    line.starts_with(&format!("- {{\"name\": \"{name}\", \"{section}\"")) && line.contains(what)
                };
                let label = series.split('"').nth(1).map_or("\"labels\": {}".to_owned(), |label| format!("\"l\": \"{label}\""));
                let stood = |sound: &dyn Fn(&[u8]) -> bool| disk.get(&path).unwrap().split(|byte| *byte == b'\n').any(sound);
                let was_there = stood(&|line| is_line(line, "labels", &label));
                let is_there = sound.iter().any(|line| is_line(line, "labels", &label));
                let family_is_there = sound.iter().any(|line| is_line(line, "kind", ""));
                if !twice && was_there && is_there && (family_is_there || !series.starts_with('h')) {
                    prop_assert_eq!(saved.get(&series), Some(&value), "{} byte {} {:?}", series, at, texts(&examined.damage));
                }
            }
        } else {
            let lost = |sequence: u64| {
                sequence > examined.recovered.last
                    || examined.damage.iter().filter_map(|damage| damage.changes).any(|(from, to)| (from..=to).contains(&sequence))
            };
            let mut model = State::default();
            for (first, write) in acknowledged {
                if !lost(first) {
                    model.apply(&write, first, 0);
                }
            }
            prop_assert_eq!(saved, dump_lines(&model));
        }
    }

    #[test]
    fn no_bytes_make_check_repair_or_accept_panic(snapshot in vec(any::<u8>(), 0..300), segment in vec(any::<u8>(), 0..300), ours in any::<bool>()) {
        let disk = snapshot_alone();
        let mut text = if ours { disk.get(SNAPSHOT).unwrap() } else { Vec::new() };
        text.extend(snapshot);
        disk.put(SNAPSHOT, text);
        let mut bytes = disk.get("journal/000002.log").unwrap();
        bytes.extend(segment);
        disk.put("journal/000002.log", bytes);
        repaired(&examine_all(&disk));
        let _ = super::super::accept(&settings(&disk, Durability::Sync), |_| Ok(()));
    }
}
